"""An explorer's slider: from a key press to the painted picture, beside `interact` with inline matplotlib.

    python -m benchmarks.explorer      # needs the extra app, playwright and Chromium: see .ci/run

Each way is a notebook that Voila serves on this machine, and the arrow key moves the slider of tau's scale; both draw the
same numbers of the same public call:

- explorer: `gridbayes.explore`, SVG text into a widget;
- interact: `ipywidgets.interact`, a figure of the same panels with inline matplotlib.

The page is one of `save_html`, without a kernel. Milliseconds are counted in the browser, from the key's event to the first
task after the frame that holds the new picture. A key is pressed when the picture of the last has come.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Page

import gridbayes as gb

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from chromium import chromium, opened, served  # noqa: E402

SERVE = "import sys; from gridbayes.app import serve; serve(sys.argv[1], False)"
PICTURE = "[role=img], img[src^='data:image/png']"
MOVES = 50
WARM = 5  # moves before any is counted
ASKED = {"explorer, learned sigma": (50, 120), "page": (10, 10)}  # ms: median, 95th percentile

EXPLORER = """\
import gridbayes as gb

explorer = gb.explore(gb.datasets.punctuality(ragged=True).values, "{model}")
"""

INTERACT = """\
%matplotlib inline
import ipywidgets
import matplotlib.pyplot as plt
from gridbayes.explorers.controls import state_of
from gridbayes.explorers.view import Line


def draw(tau_scale=5.0):
    view = explorer.subject.view(state_of(explorer.subject.controls, explorer.state, {"tau_scale": tau_scale}))
    fig, axes = plt.subplots(2, 2, figsize=(9, 6))
    for ax, panel in zip(axes.flat, view.panels):
        for mark in panel.marks:
            ax.plot(mark.x, mark.y, *([] if isinstance(mark, Line) else ["o"]))
        ax.set(title=panel.title, xlabel=panel.x_label, xlim=panel.x, ylim=panel.y)
    plt.show()


ipywidgets.interact(draw, tau_scale=ipywidgets.FloatLogSlider(min=-1, max=3, step=0.02, value=5.0));
"""

# The picture is an element with a role and a label, or an image whose address holds its bytes.
CLOCK = """() => {
  const shown = () => document.querySelector("[role=img]")?.getAttribute("aria-label")
    ?? document.querySelector("img[src^='data:image/png']")?.src;
  let start, last = shown();
  window.moves = [];
  addEventListener("keydown", () => { start = performance.now(); }, true);
  new MutationObserver(() => {
    const now = shown();
    if (!now || now === last) return;
    last = now;
    const begun = start, image = document.querySelector("img[src^='data:image/png']");
    const painted = () => requestAnimationFrame(() => setTimeout(() => moves.push(performance.now() - begun)));
    now.startsWith("data:") ? image.decode().then(painted) : painted();
  }).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def timed(page: Page, handle: str) -> list[float]:
    """Milliseconds of each of MOVES presses of an arrow key, to and fro."""
    page.evaluate(CLOCK)
    slider = page.locator(handle).first
    for count in range(1, WARM + MOVES + 1):
        slider.press("ArrowRight" if count // 10 % 2 else "ArrowLeft")
        page.wait_for_function("count => moves.length >= count", arg=count)
    return page.evaluate("moves")[WARM:]


def of_notebook(browser: Browser, source: str, folder: Path) -> list[float]:
    """Of the slider of tau's scale in a notebook of one cell."""
    with served("-c", SERVE, source, cwd=folder) as (_, address):
        page = opened(browser, address, PICTURE)
        box = page.get_by_role("textbox", name="tau_scale", exact=True)
        page.wait_for_timeout(1000)  # for sliders to send their nearest steps
        return timed(page, ".noUi-handle >> nth=1" if box.count() else ".noUi-handle")


def of_page(browser: Browser, folder: Path) -> list[float]:
    path = folder / "page.html"
    gb.explore(gb.datasets.punctuality(ragged=True).values, "learned_sigma").save_html(path)
    return timed(opened(browser, path.as_uri(), offline=True), "input")


def main() -> None:
    """Measure and print."""
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, model in (("learned sigma", "learned_sigma"), ("known sigma", "partial_pooling")):
            source = EXPLORER.format(model=model)
            found[f"explorer, {name}"] = of_notebook(browser, f"{source}explorer", Path(folder))
            found[f"interact, {name}"] = of_notebook(browser, f"{source}{INTERACT}", Path(folder))
        found["page"] = of_page(browser, Path(folder))
    print(f"{'ms a move':<26}{'median':>10}{'95%':>10}{'asked':>16}")
    for name, moves in found.items():
        asked = "{} and {}".format(*ASKED[name]) if name in ASKED else ""
        print(f"{name:<26}{median(moves):>10.1f}{quantiles(moves, n=20)[-1]:>10.1f}{asked:>16}")
    for name in ("learned sigma", "known sigma"):
        print(f"{name}: {median(found[f'interact, {name}']) / median(found[f'explorer, {name}']):.1f} times faster")


if __name__ == "__main__":
    main()
