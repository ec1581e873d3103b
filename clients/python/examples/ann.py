"""A real thing to tune: how hard an approximate nearest-neighbour index searches.

An HNSW graph (Malkov & Yashunin 2018, Efficient and Robust Approximate Nearest
Neighbor Search Using Hierarchical Navigable Small World Graphs; here the one
of usearch) finds nearly all of the nearest vectors by looking at a few hundred
of them. How many, its search effort ``ef`` says: how many candidates it
follows at a time. How much effort a query needs depends on where it lies.
Nothing about tuning is in this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from usearch.index import Index

DIMENSIONS = 32
CLUSTERS = 200
SPREAD = 0.35  # of a cluster, where the centres' is 1
AWAY = 1.5  # of queries that have nothing to do with the clusters
WANTED = 10  # neighbours

KINDS = ("inside", "between", "outside")
"""Where a query lies: in a cluster, as the vectors do; between two of them; anywhere."""

EFFORTS = (10, 20, 40, 80, 160, 320)
"""The ``ef`` to choose from."""

LINKS = (8, 16)
"""The graphs to choose from, by how many links a vector has: fewer are cheaper to follow, more lose fewer ways."""

BUILD_EFFORT = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What one search gave. recall: share of the true neighbours found; distances: how many were computed for it."""

    recall: float
    distances: int


@dataclass(frozen=True, slots=True)
class Queries:
    """Queries of one kind.

    vectors: [n, DIMENSIONS]
    neighbours: [n, WANTED] the numbers of the nearest vectors, in no order.
    """

    vectors: NDArray[np.float32]
    neighbours: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.vectors)


@dataclass(frozen=True, slots=True)
class Searcher:
    """Vectors behind graphs, by their links, and queries whose answers are known, by kind."""

    graphs: Mapping[int, Index]
    queries: Mapping[str, Queries]

    def search(self, kind: str, number: int, ef: int, links: int) -> Answer:
        """Looks for the neighbours of one query."""
        graph, queries = self.graphs[links], self.queries[kind]
        graph.expansion_search = ef  # type: ignore[misc]  # mypy looks for setters beside getters
        found = graph.search(queries.vectors[number], WANTED, threads=1)
        right = np.intersect1d(found.keys.astype(np.int64), queries.neighbours[number])
        return Answer(right.size / WANTED, found.computed_distances)

    def averages(self) -> Iterator[tuple[str, int, int, Answer]]:
        """For every kind, ef and links: what searches give on average over all queries of the kind."""
        for kind, queries in self.queries.items():
            for links in self.graphs:
                for ef in EFFORTS:
                    answers = [self.search(kind, number, ef, links) for number in range(len(queries))]
                    recall = float(np.mean([answer.recall for answer in answers]))
                    distances = round(np.mean([answer.distances for answer in answers]))
                    yield kind, ef, links, Answer(recall, distances)


def searcher(rng: np.random.Generator, vectors: int = 20_000, queries: int = 300) -> Searcher:
    """Two graphs of the same vectors in clusters, and ``queries`` of each kind. About ten seconds."""
    centers = rng.standard_normal((CLUSTERS, DIMENSIONS))

    def near(points: NDArray[np.float64]) -> NDArray[np.float32]:
        return (points + SPREAD * rng.standard_normal(points.shape)).astype(np.float32)

    def some(count: int) -> NDArray[np.float64]:
        chosen: NDArray[np.float64] = centers[rng.integers(CLUSTERS, size=count)]
        return chosen

    stored = near(some(vectors))
    asked = {
        "inside": near(some(queries)),
        "between": near((some(queries) + some(queries)) / 2),
        "outside": (AWAY * rng.standard_normal((queries, DIMENSIONS))).astype(np.float32),
    }
    graphs = {}
    for links in LINKS:
        graph = Index(ndim=DIMENSIONS, metric="l2sq", dtype="f32", connectivity=links, expansion_add=BUILD_EFFORT)
        # One thread makes the same graph each time.
        graph.add(np.arange(vectors), stored, threads=1)
        graphs[links] = graph
    return Searcher(graphs, {kind: Queries(points, nearest(stored, points)) for kind, points in asked.items()})


def nearest(stored: NDArray[np.float32], queries: NDArray[np.float32]) -> NDArray[np.int64]:
    """[n, WANTED] numbers of the nearest of ``stored`` [N, d] to each of ``queries`` [n, d], found among all."""
    points = stored.astype(np.float64)
    # The square of a query's own length is the same for all, and left out.
    squares = (points**2).sum(axis=1) - 2 * queries.astype(np.float64) @ points.T
    return np.argpartition(squares, WANTED, axis=1)[:, :WANTED].astype(np.int64)
