"""How many suggestions are computed ahead, and what whoever claims one is told to expect."""

from __future__ import annotations

from store_values import a_study, a_trial
from trimtab_service.domain.suggestion import TrialState
from trimtab_service.lines import EACH_WORKER, LATELY, MOST_EXPECTED, Line
from trimtab_service.store.queue import MANUAL, Claimed, QueuedTrial


def asked(line: Line, *counts: int) -> None:
    """Calls that ask for so many suggestions each."""
    line.asked += sum(counts)
    line.calls += len(counts)


def test_who_works_alone_has_one_ready() -> None:
    """Call after call, whether it waits or has observed something."""
    line = Line(a_study())
    demands = []
    for _ in range(3):
        asked(line, 1)
        line.wishes = [1]
        demands.append(line.demand(0))
        line.wishes = []
        demands.append(line.demand(1))
    assert demands == [1] * 6


def test_who_asks_for_batches_has_one_ready() -> None:
    """Of the same size, and no more."""
    line = Line(a_study())
    asked(line, 8)
    assert line.demand(8) == 8
    assert line.demand(0) == 8


def test_several_who_ask_have_some_more_ready() -> None:
    """By the root of their number and one, since they don't come evenly."""
    line = Line(a_study())
    asked(line, *[1] * 9)
    assert line.demand(16) == 9 + 3 + 1


def test_no_more_than_the_workers_can_take() -> None:
    """Else a long computation would make the next one longer."""
    line = Line(a_study())
    asked(line, *[1] * 100)
    assert line.demand(7) == 7 * EACH_WORKER


def test_who_waits_is_served_in_any_case() -> None:
    """All at once."""
    line = Line(a_study(), wishes=[50])
    asked(line, *[1] * 3)
    assert line.demand(0) == 50


def test_what_was_long_ago_is_forgotten() -> None:
    """Some are ready in any case: two, and as many more as are likely to come while the next ones are computed."""
    line = Line(a_study())
    asked(line, *[1] * 16)
    line.demand(16)
    demands = [line.demand(16) for _ in range(LATELY)]
    assert (demands[0], demands[-1]) == (21, 1 + 3 + 1)


def test_a_single_worker_needs_one() -> None:
    """While it tries, nobody else asks."""
    line = Line(a_study())
    demands = []
    for _ in range(LATELY):
        asked(line, 1)
        demands.append(line.demand(1))
    assert set(demands) == {1}


def queued(number: int, known: int = 0) -> QueuedTrial:
    """A trial that waits."""
    return QueuedTrial(a_trial(number, TrialState.QUEUED), known, 1)


def expected(line: Line) -> int | None:
    """The number of the trial that the next one who claims is told to expect."""
    found = line.next()
    return None if found is None else found.queued.trial.number


def claimed(line: Line, *numbers: int) -> Claimed:
    """What the store handed out."""
    return Claimed(line.study, tuple(map(a_trial, numbers)), 3)


def test_each_is_told_to_expect_another() -> None:
    """In the order in which they are handed out: who put one in line by hand first, then what knows most."""
    line = Line(a_study())
    line.found(a_study(), [queued(1), queued(4, MANUAL), queued(3, 2), queued(2, 2)], 3)
    assert [expected(line) for _ in range(5)] == [4, 2, 3, 1, None]


def test_what_was_handed_out_is_expected_no_more() -> None:
    """Whoever got it, and whoever expected it."""
    line = Line(a_study())
    line.found(a_study(), [queued(1), queued(2), queued(3)], 3)
    first = line.next()
    line.handed_out(claimed(line, 1), first)
    line.handed_out(claimed(line, 2, 9), None)
    assert expected(line) == 3


def test_nothing_is_expected_where_others_suggest() -> None:
    """Who got another one than it expected, or none, says so: the second time, what is known of the line is old."""
    line = Line(a_study())
    line.found(a_study(), [queued(number) for number in range(1, 9)], 8)
    line.handed_out(claimed(line, 3), line.next())
    line.handed_out(claimed(line, 2), line.next())
    line.handed_out(None, line.next())
    second = line.next()
    assert second is not None
    assert second.queued.trial.number == 5
    line.handed_out(claimed(line, 7), second)
    assert expected(line) is None


def test_what_is_queued_takes_the_place_of_what_knows_less() -> None:
    """What is in line by hand stays."""
    line = Line(a_study())
    line.found(a_study(), [queued(1), queued(2, MANUAL), queued(3, 4)], 2)
    line.replaced([queued(4, 4), queued(5, 4)])
    assert line.depth == 4
    assert [expected(line) for _ in range(5)] == [2, 3, 4, 5, None]


def test_of_a_long_line_the_beginning_is_remembered() -> None:
    """All of it is counted."""
    line, many = Line(a_study()), 3 * MOST_EXPECTED
    line.found(a_study(), [queued(number, MANUAL) for number in range(1, many + 1)], many)
    assert (line.depth, len(line.queue)) == (many, MOST_EXPECTED)
    line.handed_out(claimed(line, 1), line.next())
    line.replaced([queued(many + 1)])
    assert (line.depth, expected(line)) == (many, 2)
