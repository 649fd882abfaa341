"""Images of every public plot function against baselines that were looked at; a line that moves by 2 points shows."""

import pytest
from matplotlib.transforms import Affine2D
from pictures import BASELINE, DPI, PICTURES, picture, write

from gridbayes import plots
from gridbayes.plots.save import differs

NO_PICTURES = {
    "Panel",
    "figure_format",
    "plot",
    "plot_sweep",
    "save_figure",
}  # plot and plot_sweep choose one of the others


def test_every_public_function_has_its_baseline():
    assert set(PICTURES) == set(plots.__all__) - NO_PICTURES == {path.stem for path in BASELINE.glob("*.png")}


def move(ax):
    """Shift the first thing drawn by 2 points to the right and up."""
    artist = [*ax.collections, *ax.lines, *ax.patches][0]
    artist.set_transform(artist.get_transform() + Affine2D().translate(2 * DPI / 72, 2 * DPI / 72))


@pytest.mark.parametrize("name", PICTURES)
def test_an_image_is_as_it_was_and_shows_a_line_that_moves(name, tmp_path):
    ax = picture(name)
    write(ax, tmp_path / "same.png")
    assert not differs(BASELINE / f"{name}.png", tmp_path / "same.png")
    move(ax)
    write(ax, tmp_path / "moved.png")
    assert differs(BASELINE / f"{name}.png", tmp_path / "moved.png")
