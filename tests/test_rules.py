"""rules.py: moments of a standard normal, whose closed form is a double factorial."""

import itertools

import numpy as np
import pytest

from gridbayes.quadrature.rules import normal_log_density, part, points, product, product_size, sparse, sparse_size


def moment(powers):
    """E prod z_i**p_i = prod (p_i - 1)!! for even p_i, else 0."""
    return float(np.prod([0 if p % 2 else np.prod(np.arange(p - 1, 0, -2.0)) for p in powers]))


def summed(rule, powers):
    weights = rule.sign * np.exp(rule.log_weight + normal_log_density(rule.z))
    return float(weights @ np.prod(rule.z ** np.array(powers), axis=1))


@pytest.mark.parametrize("order, dimension", [(2, 1), (3, 2), (4, 3), (5, 2), (9, 2), (63, 1)])
def test_product_is_exact_to_degree_twice_the_order_less_one_in_each(order, dimension):
    rule = product(order, dimension)
    assert len(rule) <= product_size(order, dimension)
    for powers in itertools.product(range(min(2 * order, 10)), repeat=dimension):
        assert summed(rule, powers) == pytest.approx(moment(powers), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("level, dimension", [(1, 3), (2, 2), (2, 5), (3, 3)])
def test_sparse_is_exact_to_total_degree_twice_the_level_plus_one(level, dimension):
    rule = sparse(level, dimension)
    assert len(rule) <= sparse_size(level, dimension)
    for powers in itertools.product(range(2 * level + 2), repeat=dimension):
        if sum(powers) <= 2 * level + 1:
            assert summed(rule, powers) == pytest.approx(moment(powers), rel=1e-9, abs=1e-9)


def test_sparse_needs_few_points_in_many_dimensions():
    assert len(sparse(1, 20)) == 41
    assert len(sparse(2, 10)) < product_size(3, 10) / 200


def test_no_dimension_is_one_point():
    assert len(product(5, 0)) == 1 and float(np.exp(product(5, 0).log_weight[0])) == 1.0


def test_points_find_moments():
    rule = points(2**14, 5)
    assert rule.z.shape == (2**14, 5)
    for powers in [(0,) * 5, (2, 0, 0, 0, 0), (2, 2, 0, 0, 0), (0, 0, 1, 0, 0)]:
        assert summed(rule, powers) == pytest.approx(moment(powers), abs=5e-3)


def test_part_of_the_points_stands_for_all():
    rule = points(2**12, 2)
    half = part(rule, np.arange(len(rule)) < 2**11, "half")
    assert summed(half, (0, 0)) == pytest.approx(1, abs=1e-2)
