"""What is drawn of a curve, without drawing it."""

from __future__ import annotations

import itertools

import pytest

from quality import pictures
from quality.players import PLAYERS


@pytest.mark.parametrize("trials", [1, 2, 25, 26, 50, 75, 100])
def test_few_places_of_a_curve_are_drawn(trials: int) -> None:
    """The first and the last one, and in between evenly."""
    places = pictures._kept(trials)
    assert (places[0], places[-1]) == (0, trials - 1)
    assert len(places) <= pictures.POINTS + 1
    assert len({later - earlier for earlier, later in itertools.pairwise(places[:-1])}) <= 1


def test_numbers_are_written_as_finely_as_anyone_sees() -> None:
    """Names and colors stay as they are."""
    drawn = '<path d="M 12.3456 7.06 L 100 0.5" style="stroke: #0072b2" id="p_1.25"/>'
    assert pictures._shortened(drawn) == '<path d="M 12.3 7.1 L 100 0.5" style="stroke: #0072b2" id="p_1.25"/>'


def test_every_player_has_a_color_of_its_own() -> None:
    """The short recipe is a yardstick for tables, and isn't drawn."""
    assert {entry.title for entry in PLAYERS.values()} - set(pictures.COLORS) <= {"short recipe"}
    assert len(set(pictures.COLORS.values())) == len(pictures.COLORS)
