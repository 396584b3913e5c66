"""The optimal transport: against all pairings, the linear programme, and the conditions of optimality."""

from itertools import permutations

import numpy as np
import pytest

from pseudovox.anonymize import transport


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6])
def test_is_the_best_of_all_pairings(size: int) -> None:
    costs = np.random.default_rng(size).random((size, size))
    found = transport.solve(costs)
    best = min(np.mean([costs[i, j] for j, i in enumerate(order)]) for order in permutations(range(size)))
    assert sorted(found.source_of) == list(range(size))
    assert costs[found.source_of, np.arange(size)].mean() == pytest.approx(best)
    assert found.given.mean() - found.taken.mean() == pytest.approx(best), "no gap between primal and dual"


@pytest.mark.parametrize("seed", range(4))
def test_conditions_of_optimality(seed: int) -> None:
    draw = np.random.default_rng(seed)
    real, made = draw.standard_normal((40, 6)), 2 * draw.standard_normal((40, 6)) + 1
    costs = 0.5 * np.square(real[:, None] - made).sum(2)
    found = transport.solve(costs)
    slack = costs - found.given[:, None] + found.taken
    assert slack.min() > -1e-9, "feasible"
    assert np.abs(slack[found.source_of, np.arange(40)]).max() < 1e-9, "tight where something goes"
    assert found.given.mean() + found.taken.mean() == pytest.approx(0, abs=1e-12), "centred"


def test_dual_is_that_of_the_linear_programme() -> None:
    from scipy.optimize import linprog

    size = 12
    costs = np.random.default_rng(3).random((size, size))
    sides = [np.kron(np.eye(size), np.ones((size, 1))), -np.kron(np.ones((size, 1)), np.eye(size))]
    programme = linprog(
        np.repeat([-1 / size, 1 / size], size), np.hstack(sides), costs.ravel(), bounds=(None, None), method="highs"
    )
    found = transport.solve(costs)
    assert found.given.mean() - found.taken.mean() == pytest.approx(-programme.fun)


def test_potentials_do_not_depend_on_the_order() -> None:
    draw = np.random.default_rng(5)
    costs = draw.random((9, 9))
    first, second = draw.permutation(9), draw.permutation(9)
    found, moved = transport.solve(costs), transport.solve(costs[first][:, second])
    np.testing.assert_allclose(moved.given, found.given[first], atol=1e-12)
    np.testing.assert_allclose(moved.taken, found.taken[second], atol=1e-12)
