"""Contexts to features, and features on one scale."""

from __future__ import annotations

import numpy as np
import pytest

from contract.bandits.contextual_problems import MIXED, ONE, Context, drawn_contexts
from trimtab_service.bandits.features import LEAST_SHARE, Coordinates, Features
from trimtab_service.domain.errors import InvalidArgument
from trimtab_service.domain.space import Categorical, Discrete, Float, Integer, Scale

SPACE = (
    Float("linear", 2.0, 6.0),
    Categorical("kind", ("a", "b", "c")),
    Float("log", 0.01, 100.0, Scale.LOG),
    Float("logit", 0.1, 0.9, Scale.LOGIT),
    Discrete("level", (1, 2, 5)),
    Integer("fixed", 7, 7),
    Categorical("night", (False, True)),
)


def test_numbers_and_categories() -> None:
    """A constant, each number on its scale with its range from -1 to 1, and one column a category."""
    features = Features.of(SPACE)
    contexts = np.array([[2.0, 0, 0.01, 0.1, 1, 7, 0], [4.0, 2, 1.0, 0.5, 3, 7, 1], [6.0, 1, 100.0, 0.9, 5, 7, 1]])
    expected = [
        [1, -1, -1, -1, -1, 0, 1, 0, 0, 1, 0],
        [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1],
        [1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 1],
    ]

    assert features.count == 11
    np.testing.assert_allclose(features(contexts), expected, atol=1e-12)


def test_products() -> None:
    """All pairs, squares of numbers among them, and none of two categories that exclude each other."""
    features = Features.of((Float("x", -1.0, 1.0), Categorical("a", (False, True)), Categorical("b", ("p", "q"))))
    with_products = features.with_products()
    context = np.array([[0.5, 1, 0]])

    # x x, x with four categories, and each of a's two with each of b's.
    assert with_products.count == 6 + 1 + 4 + 4
    np.testing.assert_allclose(
        with_products(context), [[1, 0.5, 0, 1, 1, 0, 0.25, 0, 0.5, 0.5, 0, 0, 0, 1, 0]], atol=1e-12
    )


@pytest.mark.parametrize(
    "features", [Features.of(MIXED), Features.of(MIXED).with_products()], ids=["plain", "products"]
)
def test_standardizing_a_gram_is_standardizing_the_features(features: Features) -> None:
    """T G T' is what sums over standardized features would have been: numbers of mean 0, all divided by the same."""
    rows = features(drawn_contexts(MIXED, 300, np.random.default_rng(1)))
    matrix = features.standardizing(rows.T @ rows)
    standardized = rows @ matrix.T
    numbers = slice(1, 1 + features.coordinates.columns.size)

    np.testing.assert_allclose(matrix @ (rows.T @ rows) @ matrix.T, standardized.T @ standardized, atol=1e-8)
    np.testing.assert_allclose(standardized[:, 0], 1)
    np.testing.assert_allclose(standardized[:, numbers].mean(axis=0), 0, atol=1e-12)
    deviations = rows[:, numbers].std(axis=0)
    expected = deviations / np.sqrt((deviations**2).mean())
    np.testing.assert_allclose(standardized[:, numbers].std(axis=0), expected, rtol=1e-9)
    products = standardized[:, features.first] * standardized[:, features.second]
    np.testing.assert_allclose(standardized[:, features.base :], products, atol=1e-10)


def test_a_range_declared_too_wide() -> None:
    """A number that fills a thousandth of its range still counts for half as much as others on average."""
    features = Features.of((Float("x", 0.0, 1.0), Float("y", 0.0, 1.0), Float("z", 0.0, 1000.0)))
    rows = features(np.random.default_rng(1).random((50, 3)))
    standardized = rows @ features.standardizing(rows.T @ rows).T

    assert standardized[:, 3].std() == pytest.approx(LEAST_SHARE)
    np.testing.assert_allclose(standardized[:, 3].mean(), 0, atol=1e-9)
    assert standardized[:, 1:3].std(axis=0).min() > 1


def test_what_did_not_vary_keeps_its_scale() -> None:
    """A number that was always the same is only moved to 0; nothing seen changes nothing."""
    features = Features.of((Float("x", -1.0, 1.0),))
    rows = features(np.full((10, 1), 0.25))

    expected = np.array([[1.0, 0.0], [-0.25, 1.0]])
    np.testing.assert_allclose(features.standardizing(rows.T @ rows), expected, atol=1e-12)
    np.testing.assert_array_equal(features.standardizing(np.zeros((2, 2))), np.eye(2))


@pytest.mark.parametrize("context", [(), MIXED, (Categorical("a", ("b", "c")),)], ids=["none", "mixed", "category"])
def test_one_number_is_one_number(context: Context) -> None:
    """Whoever needs a single number says so."""
    with pytest.raises(InvalidArgument, match="the_name takes one number") as caught:
        Coordinates.of_one(context, "the_name")

    assert caught.value.violations[0].field == "context"
    assert Coordinates.of_one(ONE, "the_name").columns.tolist() == [0]
