"""What a model believes, over the wire: explanations, cuts, and what is refused."""

from __future__ import annotations

import grpc
import pytest

import serving
import trimtab
from serving import RunningServer
from trimtab.cli import main
from trimtab.v1 import study_service_pb2 as pb


def explain(server: RunningServer, study: str, **fields: object) -> pb.ExplainResponse:
    """One Explain call."""
    request = pb.ExplainRequest(study=serving.named(study), **fields)  # type: ignore[arg-type]
    response: pb.ExplainResponse = server.studies.Explain(request, timeout=60)
    return response


def refused(server: RunningServer, study: str, **fields: object) -> tuple[str, str, list[str]]:
    """Code, reason, and the fields at fault of a refused one."""
    with pytest.raises(grpc.RpcError) as refusal:
        explain(server, study, **fields)
    return serving.details(refusal.value)


def test_a_trial_is_explained(shared_server: RunningServer) -> None:
    """By the client: what is expected of it, its neighbours, what matters, and a cut."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "e1",
            parameters=[trimtab.Float("x", 0, 1), trimtab.Categorical("kind", ["good", "bad"])],
            minimize="loss",
            algorithm="gp",
            seed=1,
        )
        for _ in range(10):
            with study.suggest() as suggestion:
                suggestion.observe((float(suggestion["x"]) - 0.3) ** 2 + (0.0 if suggestion["kind"] == "good" else 2.0))
        trial = study.trial(1)
        found = study.explain(trial=1, slices=[trimtab.Slice("x", 5), trimtab.Slice(["kind", "x"], 3)])
        assert found.parameters == trial.parameters
        low, high = found.predictions["loss"].interval
        assert low - 0.05 <= trial.measurements["loss"].mean <= high + 0.05
        assert found.neighbours[0].trial == trial.name
        assert next(iter(found.importances["loss"])) == "kind"
        line, face = found.slices
        assert [point.parameters["x"] for point in line] == pytest.approx([0, 0.25, 0.5, 0.75, 1])
        assert [point.parameters["kind"] for point in face] == ["good"] * 3 + ["bad"] * 3
        assert found.model.observation_count == 10
        best = study.explain()
        assert best.parameters == study.incumbent().parameters


def test_the_command_line_tells_trying_a_point_from_going_on(
    shared_server: RunningServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """What measuring the incumbent again promises isn't what one more trial is expected to gain: two names say so."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "told", parameters=[trimtab.Float("x", 0, 1)], minimize="loss", algorithm="gp", seed=1
        )
        for _ in range(8):
            with study.suggest() as suggestion:
                suggestion.observe((float(suggestion["x"]) - 0.3) ** 2)
    labels = []
    for command in ("incumbent", "explain"):
        assert main([command, "told", "--server", shared_server.address]) == 0
        labels.append([line.partition("  ")[0] for line in capsys.readouterr().out.splitlines()])
    assert ["expected gain" in each for each in labels] == [True, False]
    assert ["expected improvement" in each for each in labels] == [False, True]


def test_what_cannot_be_explained_is_refused(shared_server: RunningServer) -> None:
    """With the field at fault, or the reason."""
    serving.create(shared_server, serving.arms_spec(), study="e2")
    assert refused(shared_server, "e2")[:2] == ("FAILED_PRECONDITION", "STUDY_OF_DECISIONS")
    serving.create(shared_server, serving.float_spec(), study="e3")
    assert refused(shared_server, "e3")[:2] == ("FAILED_PRECONDITION", "NOTHING_OBSERVED")
    (suggestion,) = serving.suggest(shared_server, "e3")
    serving.observe(shared_server, serving.measured(suggestion.id, mean=1.0), study="e3")
    assert refused(shared_server, "e3", trial=f"{serving.named('e3')}/trials/99")[0] == "NOT_FOUND"
    assert refused(shared_server, "e3", trial=f"{serving.named('e2')}/trials/1")[2] == ["trial"]
    outside = serving.parameters(x=17.0)
    assert refused(shared_server, "e3", parameters=outside)[2] == ['parameters.values["x"]']
    both = {"parameters": serving.parameters(x=0.5), "trial": suggestion.id}
    assert refused(shared_server, "e3", **both)[2] == ["trial"]
    assert refused(shared_server, "e3", slices=[pb.Slice(parameters=["y"])])[2] == ["slices[0].parameters[0]"]
    one_place = pb.Slice(parameters=["x"], resolution=1)
    assert refused(shared_server, "e3", slices=[one_place])[2] == ["slices[0].resolution"]


def test_a_front_needs_trials_with_observations(shared_server: RunningServer) -> None:
    """A bandit study has none, and a new study has nothing observed."""
    serving.create(shared_server, serving.arms_spec(), study="e4")
    serving.create(shared_server, serving.float_spec(), study="e5")
    for study, reason in (("e4", "STUDY_OF_DECISIONS"), ("e5", "NOTHING_OBSERVED")):
        with pytest.raises(grpc.RpcError) as refusal:
            shared_server.studies.GetParetoFront(pb.GetParetoFrontRequest(study=serving.named(study)), timeout=60)
        assert serving.details(refusal.value)[:2] == ("FAILED_PRECONDITION", reason)


def test_the_front_is_what_nothing_beats(shared_server: RunningServer) -> None:
    """By the client: of two objectives that pull apart; the hypervolume never shrinks."""
    with trimtab.Client(shared_server.address) as client:
        study = client.create_study(
            "e6", parameters=[trimtab.Float("x", -1, 2)], minimize=["left", "right"], algorithm="gp", seed=2
        )
        for _ in range(8):
            with study.suggest() as suggestion:
                x = float(suggestion["x"])
                suggestion.observe(left=x**2, right=(x - 1) ** 2)
        front = study.pareto_front()
        assert front.points
        assert all(-0.1 <= float(point.parameters["x"]) <= 1.1 for point in front.points)
        lefts = [point.predictions["left"].mean for point in front.points]
        assert lefts == sorted(lefts)
        assert set(front.reference_point) == {"left", "right"}
        volumes = [front.history[number] for number in sorted(front.history)]
        assert volumes == sorted(volumes)
        assert front.hypervolume > 0
        study.update(reference_point={"left": 0.25, "right": 4.0})
        narrow = study.pareto_front()
        assert narrow.reference_point == {"left": 0.25, "right": 4.0}
        assert narrow.hypervolume < front.hypervolume
