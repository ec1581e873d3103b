"""Tunes an HNSW index's search effort while it answers queries, for each kind of query by itself.

    python tune_ann.py

A query that lies where the vectors lie is answered well with little effort,
another one needs ten times as much. The service is told the kind with each
Suggest (the context), and what recall and cost came of it with each Observe;
the study says how they make one score. Starts a server of its own, unless
``--server HOST:PORT`` names one that runs. Needs ``pip install usearch``.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import ann
import trimtab
from own_server import OwnServer
from progress import bar

WEIGHTS = {"recall": 1.0, "distances": -1e-4}
"""A hundredth of recall is worth a hundred distances."""

SHARES = {"inside": 0.5, "between": 0.3, "outside": 0.2}
"""How often each kind of query comes."""

BASELINE = {"ef": 80, "links": 16}


@dataclass(frozen=True, slots=True)
class Stream:
    """Queries as they come. kinds: [n] numbers of ann.KINDS; numbers: [n] which query of its kind."""

    kinds: NDArray[np.intp]
    numbers: NDArray[np.intp]

    @classmethod
    def drawn(cls, count: int, searcher: ann.Searcher, rng: np.random.Generator) -> Stream:
        """``count`` queries, kinds by their shares, and all of a kind alike."""
        kinds = rng.choice(len(ann.KINDS), size=count, p=[SHARES[kind] for kind in ann.KINDS])
        sizes = np.array([len(searcher.queries[kind]) for kind in ann.KINDS])
        return cls(kinds, rng.integers(sizes[kinds]))

    def __len__(self) -> int:
        return len(self.kinds)


@dataclass(frozen=True, slots=True)
class Expected:
    """What every choice gives on average: known only because all of them were measured.

    recall, distances: [kinds, efforts, links], in the order of ann.KINDS, EFFORTS and LINKS.
    """

    recall: NDArray[np.float64]
    distances: NDArray[np.float64]

    @classmethod
    def of(cls, searcher: ann.Searcher) -> Expected:
        """Measures every choice on every query."""
        shape = (len(ann.KINDS), len(ann.EFFORTS), len(ann.LINKS))
        recall, distances = np.zeros((2, *shape))
        with bar("every fixed choice, to compare with", recall.size, "choice") as progress:
            for kind, ef, links, answer in searcher.averages():
                place = (ann.KINDS.index(kind), *place_of({"ef": ef, "links": links}))
                recall[place], distances[place] = answer.recall, answer.distances
                progress.update()
        return cls(recall, distances)

    @property
    def scores(self) -> NDArray[np.float64]:
        """[kinds, efforts, links]"""
        return WEIGHTS["recall"] * self.recall + WEIGHTS["distances"] * self.distances

    def best_fixed(self) -> tuple[int, int]:
        """The place of the choice that would be best for all kinds alike."""
        shares = np.array([SHARES[kind] for kind in ann.KINDS])
        return place_in(np.tensordot(shares, self.scores, axes=1))

    def best_of(self, kind: int) -> tuple[int, int]:
        """The place of the best choice for one kind."""
        return place_in(self.scores[kind])


def place_of(parameters: Mapping[str, float | int | str | bool]) -> tuple[int, int]:
    """Where a choice stands among the efforts and the links."""
    return ann.EFFORTS.index(int(parameters["ef"])), ann.LINKS.index(int(parameters["links"]))


def place_in(scores: NDArray[np.float64]) -> tuple[int, int]:
    """Of the highest one. scores: [efforts, links]"""
    effort, links = np.unravel_index(int(scores.argmax()), scores.shape)
    return int(effort), int(links)


def create(client: trimtab.Client, study_id: str, *, context: bool) -> trimtab.Study:
    """The study: an effort and a graph; of recall and distances one score, and the kind of query as context."""
    return client.create_study(
        study_id,
        parameters=[trimtab.Discrete("ef", ann.EFFORTS), trimtab.Discrete("links", ann.LINKS)],
        maximize="score",
        metrics=[
            trimtab.Metric("score", formula=trimtab.WeightedSum(WEIGHTS)),
            trimtab.Metric("recall", min=0, max=1),
            trimtab.Metric("distances", min=0),
        ],
        context=[trimtab.Categorical("kind", ann.KINDS)] if context else [],
        baseline=BASELINE,
        description="Search effort of an HNSW index",
    )


def tune(study: trimtab.Study, searcher: ann.Searcher, stream: Stream, title: str) -> NDArray[np.intp]:
    """[n, 2] answers every query with the choice suggested for it; the places of the choices."""
    context = bool(study.describe().spec.context)
    places = np.zeros((len(stream), 2), dtype=np.intp)
    found = np.zeros(len(stream))
    with bar(title, len(stream), "query") as progress:
        for number in range(len(stream)):
            kind = ann.KINDS[stream.kinds[number]]
            with study.suggest({"kind": kind} if context else None) as suggestion:
                ef, links = int(suggestion["ef"]), int(suggestion["links"])
                answer = searcher.search(kind, int(stream.numbers[number]), ef, links)
                suggestion.observe(recall=answer.recall, distances=answer.distances)
            places[number] = place_of(suggestion.parameters)
            found[number] = answer.recall
            if number % 100 == 99:
                progress.set_postfix_str(f"recall {found[number - 99 : number + 1].mean():.3f}", refresh=False)
            progress.update()
    return places


def report(study: trimtab.Study, expected: Expected, stream: Stream, played: Mapping[str, NDArray[np.intp]]) -> str:
    """What was tuned, and what was gained. played: [n, 2] places by the name of what chose them."""
    fixed = expected.best_fixed()
    best = np.array([expected.best_of(kind) for kind in range(len(ann.KINDS))])
    rows = {
        "the best fixed choice": np.tile(fixed, (len(stream), 1)),
        **played,
        "the best choice for each kind": best[stream.kinds],
    }
    lines = [
        f"{len(stream):,} queries; a hundredth of recall is worth a hundred distances",
        f"  {'':36}{'recall':>8}{'distances':>11}{'regret a 1,000':>17}{'in the last fifth':>19}",
    ]
    late = slice(-max(len(stream) // 5, 1), None)
    for name, places in rows.items():
        where = (stream.kinds, places[:, 0], places[:, 1])
        lost = expected.scores.max(axis=(1, 2))[stream.kinds] - expected.scores[where]
        recall, distances = expected.recall[where].mean(), expected.distances[where].mean()
        regrets = 1000 * lost.mean(), 1000 * lost[late].mean()
        lines.append(f"  {name:36}{recall:>8.3f}{distances:>11.0f}{regrets[0]:>17.1f}{regrets[1]:>19.1f}")
    lines.append("  Regret: what was lost of the score against the best choice for each kind of query.")
    lines.append("  Fixed and best choices are known only afterwards, from measuring all of them.")
    lines.append("Tuned in the end, against the best fixed choice:")
    for number, kind in enumerate(ann.KINDS):
        place = place_of(study.incumbent({"kind": kind}).parameters)
        both = (shown(expected, number, place), shown(expected, number, fixed))
        lines.append(f"  {kind:8} {both[0]}   {both[1]}")
    return "\n".join(lines)


def shown(expected: Expected, kind: int, place: tuple[int, int]) -> str:
    """A choice, and what it gives."""
    effort, links = place
    return (
        f"ef {ann.EFFORTS[effort]:>3}, links {ann.LINKS[links]:>2}: recall {expected.recall[kind][place]:.3f}, "
        f"{expected.distances[kind][place]:>4.0f} distances"
    )


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[trimtab.Client]:
    """A client of the server at the address, or of one that runs as long as this is open."""
    with contextlib.ExitStack() as stack:
        if address is None:
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            address = stack.enter_context(OwnServer(Path(directory))).address
        yield stack.enter_context(trimtab.Client(address, worker="tune_ann.py"))


def main(arguments: Sequence[str]) -> None:
    """Tunes, and prints what was gained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", metavar="HOST:PORT", help="one that runs already [a server of its own]")
    parser.add_argument("--study", default="ann", help="id of the study that is made [%(default)s]")
    parser.add_argument("--queries", type=int, default=3_000, help="how many are answered [%(default)s]")
    parser.add_argument("--vectors", type=int, default=20_000, help="in the index [%(default)s]")
    chosen = parser.parse_args(arguments)
    searcher = ann.searcher(np.random.default_rng(1), chosen.vectors)
    stream = Stream.drawn(chosen.queries, searcher, np.random.default_rng(2))
    with connected(chosen.server) as client:
        study = create(client, chosen.study, context=True)
        blind = create(client, f"{chosen.study}-blind", context=False)
        played = {
            "tuned without knowing the kind": tune(blind, searcher, stream, "not told the kind"),
            "tuned for each kind": tune(study, searcher, stream, "told the kind of query"),
        }
        expected = Expected.of(searcher)
        print(f"\n{study.describe().algorithm.name}: {study.describe().algorithm.reason}")
        print(report(study, expected, stream, played))


if __name__ == "__main__":
    main(sys.argv[1:])
