"""A bandit study at one instant: which arms there are, what is played, what is learned."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trimtab_service.bandits import states
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.metric import Goal, Metric, MetricKind, Objective
from trimtab_service.domain.observation import Measurement, Observation, Outcome
from trimtab_service.domain.space import Categorical, Float, Integer, Parameters, SearchSpace
from trimtab_service.domain.study import ChosenAlgorithm, Study, StudyName, StudySpec
from trimtab_service.live import JointArms, ListedArms, Live, UnknownArm, luck_of
from trimtab_service.store.base import LogRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLICK = Metric("click", MetricKind.BINARY)
LETTERS = Categorical("letter", ("a", "b", "c"))


def study(name: str = "thompson", options: dict[str, Any] | None = None, **changes: Any) -> Study:
    """A study with three arms, unless ``changes`` of the spec say otherwise."""
    values: dict[str, Any] = {
        "space": SearchSpace((LETTERS,)),
        "metrics": (CLICK,),
        "objectives": (Objective("click", Goal.MAXIMIZE),),
        "seed": 1,
    }
    spec = StudySpec(**{**values, **changes})
    chosen = ChosenAlgorithm(name, options or {}, "asked for", True)
    return Study(StudyName("default", "s"), "0" * 32, spec, chosen, NOW, NOW)


def row(sequence: int, arm: int, click: float, **fields: Any) -> LogRow:
    """One observed decision."""
    observation = Observation(Outcome.COMPLETED, {"click": Measurement(click)})
    values: dict[str, Any] = {"arm": arm, "propensity": 0.5, "issued": 0, "step": 0, "tag": 0, **fields}
    return LogRow(sequence, observation, values.pop("context", {}), NOW, **values)


def listed(live: Live) -> ListedArms:
    """What it plays."""
    play = live.playing(0.0).play
    assert isinstance(play, ListedArms)
    return play


def same(one: Any, other: Any) -> None:
    """The arrays of two states are equal up to rounding; extremes seen stay seen."""
    for left, right in zip(states.leaves(one), states.leaves(other), strict=True):
        if np.ndim(left):
            np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


def test_new_points_are_new_arms_and_old_ones_keep_their_numbers() -> None:
    """However the space grows, and what was learned stays."""
    before = study()
    live = Live.begun(before).folded([row(1, 0, 0.0), row(2, 2, 1.0), row(3, 2, 1.0)])
    grown = replace(
        before,
        spec=replace(before.spec, space=SearchSpace((Categorical("letter", ("z", "a", "b", "c")),))),
        earlier_spaces=(before.spec.space,),
        revision=2,
    )
    after = live.updated(grown)
    assert after is not None

    assert [after.arms.point(arm)["letter"] for arm in range(4)] == ["a", "b", "c", "z"]
    same(
        after.folded([row(4, 3, 1.0)]).state,
        Live.begun(grown).folded([row(1, 0, 0.0), row(2, 2, 1.0), row(3, 2, 1.0), row(4, 3, 1.0)]).state,
    )


@pytest.mark.parametrize("letters", ["a", "abc"])
def test_rows_of_arms_that_it_does_not_know_are_refused(letters: str) -> None:
    """One arm, or several: it has to hear of the update first. An abandoned decision says so as well."""
    live = Live.begun(study(space=SearchSpace((Categorical("letter", tuple(letters)),))))
    for unknown in (row(2, len(letters), 1.0), replace(row(2, 9, 1.0), observation=Observation(Outcome.ABANDONED))):
        with pytest.raises(UnknownArm):
            live.folded([row(1, 0, 1.0), unknown])


def test_disabled_arms_are_not_played_and_come_back_with_what_they_know() -> None:
    """Their observations are still taken, too."""
    before = study()
    rows = [row(number, number % 3, float(number % 3 == 1)) for number in range(1, 60)]
    live = Live.begun(before).folded(rows)
    off = replace(before, spec=replace(before.spec, disabled_arms=({"letter": "b"},)), revision=2)
    without = live.updated(off)
    assert without is not None
    law = listed(without).choice((), None)
    assert law.arms == [0, 2]
    assert sum(law.probabilities) == pytest.approx(1.0)
    back = without.folded([row(60, 1, 1.0)]).updated(replace(before, revision=3))
    assert back is not None

    assert listed(back).choice((), None).probabilities == pytest.approx(
        listed(live.folded([row(60, 1, 1.0)])).choice((), None).probabilities
    )


def test_some_arm_must_be_left() -> None:
    """The field is named."""
    every: tuple[Parameters, ...] = tuple({"letter": letter} for letter in "abc")
    with pytest.raises(InvalidArgument, match="disabled_arms"):
        Live.begun(study(disabled_arms=every))


def test_allowed_arms_are_judged_among_themselves() -> None:
    """When the best arm sleeps, the second best is played, not any of the rest."""
    rows = [row(number, number % 3, float(number % 3 == 2 or number % 9 == 1)) for number in range(1, 400)]
    play = listed(Live.begun(study()).folded(rows))
    everyone, awake = play.choice((), None), play.choice((), frozenset({0, 1}))

    assert everyone.probabilities[2] > 0.9
    assert awake.arms == [0, 1]
    assert awake.probabilities[1] > 0.9
    assert min(awake.probabilities) >= 0.01 / 2
    assert play.choice((), frozenset({0, 1})) is awake


def test_a_default_reward_that_is_replaced_leaves_no_trace() -> None:
    """The state is that of the real observation alone."""
    before = Live.begun(study(reward_wait=timedelta(minutes=1), default_reward=0.0)).folded([row(1, 1, 1.0)])
    late = before.folded([row(2, 0, 0.0, is_default=True), row(3, 0, 1.0, replaces_default=True)])

    same(before.folded([row(3, 0, 1.0)]).state, late.state)


def test_abandoned_decisions_teach_nothing() -> None:
    """But they count as observations."""
    live = Live.begun(study())
    gone = replace(row(1, 0, 0.0), observation=Observation(Outcome.ABANDONED))
    after = live.folded([gone])

    same(live.state, after.state)
    assert after.observation_count == 1


def test_a_checkpoint_is_the_whole_state() -> None:
    """And goes on when the space has grown since, or only the floor is another."""
    before = study()
    live = Live.begun(before).folded([row(1, 0, 0.0), row(2, 2, 1.0)])
    checkpoint = live.checkpoint()
    grown = replace(
        before,
        spec=replace(before.spec, space=SearchSpace((Categorical("letter", ("a", "b", "c", "d")),))),
        earlier_spaces=(before.spec.space,),
        algorithm=replace(before.algorithm, options={"floor": 0.2}),
    )
    resumed = Live.begun(grown).resumed(checkpoint)

    assert Live.begun(grown).fingerprint == checkpoint.fingerprint
    same(live.updated(grown).state, resumed.state)  # type: ignore[union-attr]
    assert (resumed.revision, resumed.observation_count) == (2, 2)


def test_another_algorithm_starts_anew() -> None:
    """Its state would mean something else."""
    before = study()
    live = Live.begun(before)

    assert live.updated(study("tsallis_inf")) is None
    assert live.updated(study(options={"reward": "gaussian"})) is None
    assert live.updated(study(options={"floor": 0.5})) is not None


def test_steps_make_arms_of_a_continuum() -> None:
    """Evenly spaced on its scale."""
    space = SearchSpace((Float("x", 0.0, 1.0), Integer("n", 1, 2)))
    live = Live.begun(study(options={"steps": 3}, space=space))

    assert [tuple(live.arms.point(arm).values()) for arm in range(live.arms.count)] == [
        (0.0, 1), (0.0, 2), (0.5, 1), (0.5, 2), (1.0, 1), (1.0, 2)
    ]  # fmt: skip


def test_luck_is_uniform_below_one() -> None:
    """Both ends of eight bytes."""
    assert luck_of(b"\x00" * 8) == 0.0
    assert 0.999999 < luck_of(b"\xff" * 8) < 1.0


def test_joint_bandits_draw_with_their_exact_law() -> None:
    """Each arm comes as often as its propensity says, the floor's draws among them."""
    space = SearchSpace((LETTERS, Integer("n", 1, 3)))
    live = Live.begun(study("hier_ucb", {"floor": 0.3}, space=space, metrics=(CLICK,)))
    live = live.folded([row(number, number % 9, float(number % 9 == 4), tag=1) for number in range(1, 90)])
    play = live.playing(0.0).play
    assert isinstance(play, JointArms)
    rng = np.random.default_rng(5)
    number = 4_000
    drawn = [play.choice(int(rng.integers(2**62))) for _ in range(number)]

    frequencies = np.bincount([arm for arm, _, _ in drawn], minlength=9) / number
    propensities = {arm: propensity for arm, propensity, _ in drawn}
    for arm, propensity in propensities.items():
        assert frequencies[arm] == pytest.approx(propensity, abs=4 * (propensity / number) ** 0.5)
    assert any(tag == -1 for _, _, tag in drawn)
