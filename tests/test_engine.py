"""The canary: what gridbayes depends on in memo and JAX. When one falls, a release has changed the engine."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gridbayes.engine import padded_length
from gridbayes.program import Program

CHOICE = Program("""\
@memo
def choice[_a: A, _b: B](table: ...):
    nature: chooses(a in A, b in B, wpp=exp(at(table, a, b)))
    return Pr[nature.a == _a, nature.b == _b]
""")


def masses(table: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        memo = CHOICE.compile(A=table.shape[0], B=table.shape[1]).choice
        return np.asarray(memo(jnp.asarray(table)))


def test_index_domains_take_arrays_and_axes_come_in_the_order_of_the_signature():
    table = np.log([[1.0, 2.0, 3.0], [4.0, 5.0, 5.0]])
    np.testing.assert_allclose(masses(table), np.exp(table) / 20, rtol=1e-15)


@pytest.mark.parametrize("shift", [-1e5, 0.0, 1e5])
def test_wpp_of_exp_is_a_softmax_shifted_by_its_maximum(shift):
    table = np.array([[-3.0, 0.0], [1.0, -700.0]])
    np.testing.assert_allclose(masses(table + shift), masses(table), rtol=1e-9)


def test_minus_infinity_is_a_mass_of_zero():
    np.testing.assert_array_equal(masses(np.array([[-np.inf, 0.0]])), [[0.0, 1.0]])


def test_memos_compute_in_float64_inside_the_context():
    assert masses(np.zeros((2, 3))).dtype == np.float64


def test_one_program_serves_other_values_of_the_same_size():
    memo = CHOICE.compile(A=2, B=2).choice
    assert CHOICE.compile(B=2, A=2).choice is memo
    one, other = masses(np.zeros((2, 2))), masses(np.log([[1.0, 3.0], [3.0, 1.0]]))
    np.testing.assert_allclose(one, 0.25)
    np.testing.assert_allclose(other, [[0.125, 0.375], [0.375, 0.125]])


def test_a_memo_calls_another_inside_a_frame():
    program = Program("""\
@memo
def log_prior_a[_a: A](nodes: ..., loc, scale):
    return normal_lpdf(at(nodes, _a), loc, scale)

@memo
def posterior[_a: A](nodes: ..., table: ..., loc, scale):
    nature: chooses(a in A, wpp=exp(log_prior_a[a](nodes, loc, scale) + at(table, a)))
    return Pr[nature.a == _a]
""")
    nodes, table = np.array([-1.0, 0.5, 2.0]), np.array([0.0, 1.0, -1.0])
    with jax.enable_x64(True):
        scalars = jnp.asarray(0.5), jnp.asarray(2.0)
        result = np.asarray(program.compile(A=3).posterior(jnp.asarray(nodes), jnp.asarray(table), *scalars))
    expected = np.exp(-0.5 * ((nodes - 0.5) / 2) ** 2 + table)
    np.testing.assert_allclose(result, expected / expected.sum(), rtol=1e-14)


def test_known_axes_are_axes_of_the_result():
    program = Program("""\
@memo
def row[_d: D, _a: A](table: ...):
    nature: knows(_d)
    nature: chooses(a in A, wpp=exp(at(table, _d, a)))
    return Pr[nature.a == _a]
""")
    table = np.log([[1.0, 3.0], [2.0, 2.0], [0.1, 0.9]])
    with jax.enable_x64(True):
        result = np.asarray(program.compile(D=3, A=2).row(jnp.asarray(table)))
    np.testing.assert_allclose(result, [[0.25, 0.75], [0.5, 0.5], [0.1, 0.9]], rtol=1e-14)


def test_scalars_of_a_jitted_program_are_traced_not_baked_in():
    program = Program("""\
@memo
def prior[_a: A](nodes: ..., scale):
    nature: chooses(a in A, wpp=exp(normal_lpdf(at(nodes, a), 0.0, scale)))
    return Pr[nature.a == _a]
""")
    with jax.enable_x64(True):
        memo = jax.jit(program.compile(A=2).prior)
        narrow, wide = (np.asarray(memo(jnp.array([0.0, 1.0]), jnp.asarray(s)))[1] for s in (0.5, 1e6))
    assert narrow == pytest.approx(np.exp(-2) / (1 + np.exp(-2)), rel=1e-14)
    assert wide == pytest.approx(0.5, rel=1e-9)


def test_an_illegal_program_raises_with_its_text():
    with pytest.raises(Exception, match="mistaken") as error:
        Program("@memo\ndef wrong[_a: A]():\n    return mistaken.a == _a\n").compile(A=2)
    assert type(error.value).__name__ == "MemoError"


QUIET = """
import sys, warnings
before = sys.excepthook, warnings.showwarning, list(warnings.filters)
import jax
x64 = jax.config.jax_enable_x64
import gridbayes as gb
gb.partial_pooling([1.0, 2.0], sigma=1, mu_scale=1, tau_scale=1,
                   grids={"mu": [0.0, 1.0], "tau": [1.0, 2.0], "theta": [0.0, 1.0, 2.0]})
assert (sys.excepthook, warnings.showwarning) == before[:2]
assert jax.config.jax_enable_x64 == x64
assert not [name for name in ("matplotlib", "ipywidgets", "arviz", "pandas") if name in sys.modules]
"""


def test_import_and_a_fit_leave_hooks_and_configuration_as_they_were():
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_tables_are_padded_to_few_lengths_that_are_not_much_longer():
    padded = {length: padded_length(length) for length in range(1, 4097)}
    assert sorted(set(padded.values()))[:7] == [32, 64, 96, 128, 192, 256, 384]
    assert len(set(padded.values())) == 14
    assert all(length <= other < 1.5 * max(length, 64) for length, other in padded.items())
