"""What is sent to the processes that run optimizers, and what they remember."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from store_values import a_trial
from trimtab_service.domain.past import Past
from trimtab_service.domain.suggestion import Trial, TrialState
from trimtab_service.news import Forgotten, Known, News


def past(*ended: int, line: int = 1, uid: str = "u", pending: Sequence[int] = ()) -> Past:
    """A past with these trials."""
    trials: list[Trial] = [a_trial(number, TrialState.COMPLETED) for number in ended]
    return Past(uid, line, trials, len(trials), tuple(map(a_trial, pending)), 99, 7, len(trials))


def test_only_what_is_new_is_sent() -> None:
    """And put together it is the whole."""
    known, whole = Known(), past(3, 1, 2, pending=[5])
    known.past(News.of(past(3, 1), 0))
    news = News.of(whole, 2)
    assert [trial.number for trial in news.past.ended] == [2]
    assert known.past(news).history({}) == whole.history({})


def test_a_shorter_past_is_told_after_a_longer_one() -> None:
    """Two questions about one study may overtake each other."""
    known = Known()
    known.past(News.of(past(1, 2, 3), 0))
    assert known.past(News.of(past(1, 2), 2)).history({}) == past(1, 2).history({})
    assert known.past(News.of(past(1, 2, 3), 2)).history({}) == past(1, 2, 3).history({})


@pytest.mark.parametrize("told", [None, past(1, 2, line=2), past(1), past(1, 2, uid="another")])
def test_who_was_not_told_says_so(told: Past | None) -> None:
    """Of another line, of too few trials, of nothing."""
    known = Known()
    if told is not None:
        known.past(News.of(told, 0))
    with pytest.raises(Forgotten):
        known.past(News.of(past(1, 2, 3), 2))


def test_the_study_unused_longest_is_forgotten() -> None:
    """But never the one that is being asked about."""
    known = Known(most=3)
    known.past(News.of(past(1, 2, uid="a"), 0))
    known.past(News.of(past(1, 2, uid="b"), 0))
    with pytest.raises(Forgotten):
        known.past(News.of(past(1, 2, 3, uid="a"), 2))
    large = past(*range(1, 9), uid="c")
    assert known.past(News.of(large, 0)).history({}) == large.history({})
    assert known.past(News.of(large, 8)).history({}) == large.history({})
