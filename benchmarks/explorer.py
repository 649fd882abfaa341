"""An explorer's slider: from a key press to the painted picture.

    python -m benchmarks.explorer      # needs the extra app, playwright and Chromium: see .ci/run

The arrow key moves the slider of tau's scale: of explorers that Voila serves on this machine, and of a page of `save_html`,
which has no kernel. Milliseconds are counted in the browser, from the key's event to the first task after the frame that
holds the new picture. A key is pressed when the picture of the last has come.
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
MOVES = 50
WARM = 5  # moves before any is counted
ASKED = {  # ms: median, 95th percentile
    "explorer, learned sigma": (50, 120),
    "explorer, known sigma": (50, 120),
    "page": (10, 10),
}

SOURCE = """\
import gridbayes as gb

gb.explore(gb.datasets.punctuality(ragged=True).values, "{model}")
"""

CLOCK = """() => {
  const shown = () => document.querySelector("[role=img]")?.getAttribute("aria-label");
  let start, last = shown();
  window.moves = [];
  addEventListener("keydown", () => { start = performance.now(); }, true);
  new MutationObserver(() => {
    const now = shown(), begun = start;
    if (!now || now === last) return;
    last = now;
    requestAnimationFrame(() => setTimeout(() => moves.push(performance.now() - begun)));
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
        page = opened(browser, address)
        page.wait_for_timeout(1000)  # for sliders to send their nearest steps
        return timed(page, ".noUi-handle >> nth=1")


def of_page(browser: Browser, folder: Path) -> list[float]:
    path = folder / "page.html"
    gb.explore(gb.datasets.punctuality(ragged=True).values, "learned_sigma").save_html(path)
    return timed(opened(browser, path.as_uri(), offline=True), "input")


def main() -> None:
    """Measure and print."""
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        found = {}
        for name, model in (("learned sigma", "learned_sigma"), ("known sigma", "partial_pooling")):
            found[f"explorer, {name}"] = of_notebook(browser, SOURCE.format(model=model), Path(folder))
        found["page"] = of_page(browser, Path(folder))
    print(f"{'ms a move':<26}{'median':>10}{'95%':>10}{'asked':>16}")
    for name, moves in found.items():
        asked = "{} and {}".format(*ASKED[name]) if name in ASKED else ""
        print(f"{name:<26}{median(moves):>10.1f}{quantiles(moves, n=20)[-1]:>10.1f}{asked:>16}")


if __name__ == "__main__":
    main()
