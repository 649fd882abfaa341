"""What a memo enumerates: grids, integers, enumerations, products, and their coarser halves."""

from enum import IntEnum

import numpy as np
import pytest
from memo import domain

import gridbayes as gb
from gridbayes.memos.domains import Domain


class Size(IntEnum):
    LARGE = 9
    SMALL = 4


def test_floats_that_increase_are_a_grid_and_integers_are_not():
    assert Domain.of("X", [0.0, 0.5, 2.0]).grid is not None
    for values in ([0, 1, 2], range(3), np.arange(3), [2.0, 0.5], [True, False], [1.0]):
        assert Domain.of("X", values).grid is None


def test_an_enumeration_has_names_and_an_order():
    size = Domain.of("Size", Size)
    assert size.values is Size and size.coordinate == ["LARGE", "SMALL"]
    assert size.numbers.tolist() == [9, 4] and size.order.tolist() == [1, 0]
    assert size.nodes.nodes.tolist() == [4.0, 9.0]


def test_a_product_has_fields():
    house = Domain.of("House", domain(row=2, column=3))
    assert house.coordinates("z")["z_row"][1].tolist() == [0, 0, 0, 1, 1, 1]
    assert house.coordinates("z")["z_column"][1].tolist() == [0, 1, 2, 0, 1, 2]
    assert house == Domain.of("House", domain(row=2, column=3)) != Domain.of("House", domain(row=3, column=2))


def test_domains_are_equal_by_values_and_weights():
    assert Domain.of("X", gb.linspace(0, 1, 5)) == Domain.of("X", np.linspace(0, 1, 5).tolist())
    assert Domain.of("X", gb.linspace(0, 1, 5)) != Domain.of("X", gb.trapezoid(0, 1, 5))
    assert Domain.of("X", [1, 2]) != Domain.of("X", [1.0, 2.0])


@pytest.mark.parametrize("grid", [gb.trapezoid(0, 2, 9), gb.trapezoid(0, 2, 10), gb.gauss_legendre(0, 2, 3)], ids=repr)
def test_a_coarser_grid_has_half_the_nodes_and_the_same_integral(grid):
    coarser = Domain.of("X", grid).coarser
    assert coarser is not None and coarser.grid is not None and coarser.grid.weights is not None
    assert len(coarser) in (len(grid) // 2, len(grid) // 2 + 1)
    assert coarser.grid.weights.sum() == pytest.approx(2, abs=1e-14)
    assert coarser.grid.weights @ coarser.grid.nodes == pytest.approx(2, abs=1e-14)


def test_points_keep_every_other_node_and_discrete_values_all():
    coarser = Domain.of("X", gb.linspace(0, 8, 9)).coarser
    assert coarser is not None and coarser.numbers.tolist() == [0, 2, 4, 6, 8]
    assert Domain.of("X", [0.0, 1.0, 2.0]).coarser is None
    integers = Domain.of("X", range(9))
    assert integers.coarser is integers


@pytest.mark.parametrize("value", ["abc", 3, [[1, 2], [3, 4]], [], {"a": 1}, None])
def test_what_is_no_domain(value):
    with pytest.raises(TypeError, match="domain X must be a Grid, a list of numbers, an IntEnum or memo's domain"):
        Domain.of("X", value)
