"""`gridbayes figures`: the registry, the command, and what counts as stale."""

from pathlib import Path

import numpy as np
import pytest

from gridbayes.cli import main
from gridbayes.figures import FIGURES
from gridbayes.lessons.first import unequal
from gridbayes.lessons.pooling import COARSE, LATE, _brute_force, _counted_twice, _late
from gridbayes.plots import save_figure
from gridbayes.plots.save import differs

COMMITTED = Path(__file__).parent.parent / "figures"


def test_every_figure_is_committed_and_every_committed_file_is_a_figure():
    assert {path.stem for path in COMMITTED.glob("*.png")} == set(FIGURES)
    assert {path.suffix for path in COMMITTED.iterdir()} == {".png"}
    assert max(path.stat().st_size for path in COMMITTED.glob("*.png")) < 100_000


def test_list_names_figures_and_what_they_show(capsys):
    assert main(["figures", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES)
    (ranks,) = [line for line in lines if line.startswith("eight_schools_ranks")]
    assert ranks.endswith("How probably each school is best, second best, and so on.")


def test_a_name_that_is_no_figure_and_no_process_are_refused(capsys):
    assert main(["figures", "--jobs", "0"]) == 2
    assert "--jobs must be at least 1; it is 0." in capsys.readouterr().err
    assert main(["figures", "ball"]) == 2
    assert "no figure 'ball'; the figures are balls, shares, standard_errors" in capsys.readouterr().err


def test_check_holds_for_what_is_committed_and_fails_for_what_is_missing_or_stale(tmp_path, capsys):
    assert main(["figures", "--check", "balls", "--jobs", "1", "--directory", str(COMMITTED)]) == 0
    assert capsys.readouterr().out == "all 1 figures are as the code draws them\n"
    (tmp_path / "balls.png").write_bytes((COMMITTED / "regression.png").read_bytes())
    assert main(["figures", "--check", "balls", "bins", "--jobs", "1", "--directory", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "2 of 2 figures are stale: balls, bins. Run gridbayes figures." in error and "[2/2]" in error


def test_figures_are_written_in_every_format_and_the_same_bytes_each_time(tmp_path):
    (tmp_path / "again").mkdir()
    assert main(["figures", "balls", "--format", "png", "svg", "--jobs", "2", "--directory", str(tmp_path)]) == 0
    figure = FIGURES["balls"]()
    for kind in ("png", "svg"):
        save_figure(figure, tmp_path / "again" / f"balls.{kind}", dpi=110)
        assert (tmp_path / f"balls.{kind}").read_bytes() == (tmp_path / "again" / f"balls.{kind}").read_bytes()
    assert not differs(COMMITTED / "balls.png", tmp_path / "balls.png")


def test_the_figure_of_the_double_count_is_settled_by_brute_force():
    nodes, brute = COARSE["theta"].nodes, _brute_force(1, 3)
    once = _late(1, 3, COARSE).marginal("theta").values
    np.testing.assert_allclose(once, brute, atol=1e-12)
    # as examples/published_figures_count_data_twice.py prints them
    np.testing.assert_allclose(brute @ nodes, [0.132, -1.962, 3.831], atol=5e-4)
    np.testing.assert_allclose(_counted_twice(1, 3) @ nodes, [0.116, -1.875, 4.904], atol=5e-4)
    assert list(LATE.values) == ["GOVERNMENT", "ENGLISH", "MATH"]


@pytest.mark.parametrize("moved, stale", [(0.0, False), (0.01, True)])
def test_a_figure_with_a_line_moved_is_stale(tmp_path, moved, stale):
    figure = FIGURES["balls"]()
    line = figure.axes[0].get_lines()[2]
    line.set_xdata(np.asarray(line.get_xdata()) + moved)
    save_figure(figure, tmp_path / "balls.png", dpi=110)
    assert differs(COMMITTED / "balls.png", tmp_path / "balls.png") is stale


@pytest.mark.parametrize("rows, numbers", [(100, (0.83019, 0.07547, 1.41509)), (200, (0.90588, 0.08235, 1.63529))])
def test_unequal_groups_are_those_of_the_classroom(rows, numbers):
    """models.md B2 to B4; pooled is the mean of all rows but for a prior of sd 10."""
    posts = unequal(rows)
    hierarchical = posts["hierarchical"]
    assert (hierarchical.mean("mu"), *hierarchical.mean("theta").values) == pytest.approx(numbers, abs=5e-6)
    assert posts["unpooled"].mean("theta").values[1] == pytest.approx(2 * rows / (rows + 100))
    assert posts["pooled"].mean() == pytest.approx(2 * rows / (rows + 1000 + 0.01))


def test_standard_errors_of_shares_are_marked():
    lines = FIGURES["standard_errors"]().axes[0].get_lines()
    assert [float(line.get_ydata()[0]) for line in lines[3:]] == pytest.approx([0.0949, 0.03], abs=5e-5)
    assert lines[0].get_ydata()[-1] == pytest.approx(0.5 / 1000**0.5)


def test_bars_of_bayes_rule_have_the_area_of_the_data():
    """5 p**4 (1 - p): half of 5/32 and of 3125/7776; the mean over sevenths; 1/6 as an integral."""
    event, several, integral = FIGURES["bayes_rule"]().axes
    areas = [sum(bar.get_height() * bar.get_width() for bar in ax.patches) for ax in (event, several)]
    assert areas == pytest.approx([(5 / 32 + 3125 / 7776) / 2, sum(5 * k**4 * (6 - k) for k in range(7)) / 6**5 / 7])
    x, height = integral.collections[0].get_paths()[0].vertices[:203].T
    assert np.trapezoid(height, x) == pytest.approx(1 / 6, abs=1e-3)
    assert [text.get_text() for text in event.texts] == ["0.28", "0.72"]
    bars = FIGURES["prior_times_likelihood"]().axes
    assert [sum(bar.get_height() for bar in ax.patches) for ax in (bars[0], bars[2])] == pytest.approx([1, 1])
    assert np.trapezoid(bars[5].get_lines()[0].get_ydata(), dx=1 / 200) == pytest.approx(1, abs=1e-4)


def test_the_fit_by_maximum_likelihood_is_mean_and_sd():
    y = np.array([2.1, 3.4, 1.2, 4.0, 2.7, 5.2])
    dotted = [
        line for ax in FIGURES["maximum_likelihood"]().axes for line in ax.get_lines() if line.get_linestyle() == ":"
    ]
    assert [line.get_xdata()[0] for line in dotted] == pytest.approx([y.mean(), y.std()])


def test_a_group_index_spreads_theta_over_the_rows():
    spread = FIGURES["index_matrix"]().axes[2]
    assert [text.get_text() for text in spread.texts] == ["1", "1", "1", "-15", "-15", "-15", "30"]


@pytest.mark.parametrize("which", range(4))
def test_masses_of_bins_sum_to_one(which):
    ax = FIGURES["bins"]().axes[which]
    assert len(ax.patches) == (2, 5, 10, 26)[which]
    assert sum(bar.get_height() * bar.get_width() for bar in ax.patches) == pytest.approx(1, abs=1e-12)
    assert sum(len(line.get_xdata()) for line in ax.get_lines()[1:]) == 20  # balls
