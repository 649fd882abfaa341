"""`gridbayes figures`: the registry, the command, and what counts as stale."""

from pathlib import Path

import numpy as np
import pytest

from gridbayes.cli import main
from gridbayes.figures import COARSE, FIGURES, LATE, _brute_force, _counted_twice, _late
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
    assert lines[-1].endswith("the lines found without knowing whose row is whose.")


def test_a_name_that_is_no_figure_and_no_process_are_refused(capsys):
    assert main(["figures", "--jobs", "0"]) == 2
    assert "--jobs must be at least 1; it is 0." in capsys.readouterr().err
    assert main(["figures", "ball"]) == 2
    assert "no figure 'ball'; the figures are quickstart, complete, no" in capsys.readouterr().err


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


@pytest.mark.parametrize("which", range(4))
def test_masses_of_bins_sum_to_one(which):
    ax = FIGURES["bins"]().axes[which]
    assert len(ax.patches) == (2, 5, 10, 26)[which]
    assert sum(bar.get_height() * bar.get_width() for bar in ax.patches) == pytest.approx(1, abs=1e-12)
