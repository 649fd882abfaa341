"""An explorer's slider: from a key press to the painted picture.

    python -m benchmarks.explorer      # needs the extra app, the group browser and Chromium: see .ci/run
    python -m benchmarks.explorer 10   # fewer moves than 50

An arrow key moves a slider of each kind of explorer that Voila serves on this machine; of learned sigma in JupyterLab too,
beside `interact` with inline matplotlib, whose figure has the same panels and whose call is the same (Voila does not render
a cell of `interact` with ipykernel 7); and of a page of `save_html`, which has no kernel. Milliseconds are counted in the
browser, from the key's event to the first task after the frame that holds the new picture. A key is pressed when the
picture of the last has come.
"""

import sys
import tempfile
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, Locator, Page

import gridbayes as gb

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "browser"))

from chromium import chromium, laboratory, opened, run_cell, served  # noqa: E402

SERVE = "import sys; from gridbayes.app import serve; serve(sys.argv[1], False)"
MOVES = 50
WARM = 5  # moves before any is counted
SLIDERS = {  # of each explorer of tests/browser/every.py the places of those that are moved, among its own
    "learned": {"tau_scale": 1, "sigma_scale": 2},
    "partial": {"tau_scale": 1},
    "complete": {"theta_scale": 1},
    "no": {"theta_scale": 1},
    "normal": {"mu_scale": 1},
    "mixture": {"second": 2},
    "regression": {"slope_scale": 0},
    "grid": {"theta_scale": 1},
    "memo": {"k": 0},
}
ASKED = {
    "Voila, learned, tau_scale": "50 and 120",
    "Voila, learned, sigma_scale": "50 and 120",
    "page": "10",
}  # ms: median, 95th percentile

EXPLORER = "import gridbayes as gb\n\ngb.explore(gb.datasets.punctuality(ragged=True).values, 'learned_sigma')\n"
INTERACT = """\
%matplotlib inline
import matplotlib.pyplot as plt
from ipywidgets import FloatLogSlider, interact

import gridbayes as gb
from gridbayes import plots

explorer = gb.explore(gb.datasets.punctuality(ragged=True).values, "learned_sigma")


def show(tau_scale):
    post = explorer.subject.fit({**explorer.state, "tau_scale": tau_scale})
    fig, axes = plt.subplots(2, 2, figsize=(9, 6))
    for ax, name in zip(axes.flat, ("mu", "tau", "theta", "sigma")):
        plots.density(post, name, ax=ax)
    plt.show()


interact(show, tau_scale=FloatLogSlider(min=-1, max=3, step=0.02, value=5));
"""

# Of an image it is its source that changes, and it is painted once it is decoded.
CLOCK = """([selector, place]) => {
  const found = () => document.querySelectorAll(selector)[place];
  const shown = () => { const it = found(); return it && (it.getAttribute("aria-label") ?? it.src); };
  let start, last = shown();
  window.moves = [];
  addEventListener("keydown", () => { start = performance.now(); }, true);
  window.watch?.disconnect();  // of the slider before, whose picture may be the same
  window.watch = new MutationObserver(async () => {
    const now = shown(), begun = start;
    if (!now || now === last) return;
    last = now;
    await found().decode?.();
    requestAnimationFrame(() => setTimeout(() => moves.push(performance.now() - begun)));
  });
  window.watch.observe(document.body, { subtree: true, childList: true, attributes: true });
}"""


def timed(page: Page, picture: str, slider: Locator, moves: int, place: int = 0) -> list[float]:
    """Milliseconds of each of so many presses of an arrow key, to and fro; `place` is the picture's."""
    page.evaluate(CLOCK, [picture, place])
    for count in range(1, WARM + moves + 1):
        slider.press("ArrowRight" if count // 5 % 2 else "ArrowLeft")  # not as far as an end
        page.wait_for_function("count => moves.length >= count", arg=count)
    return page.evaluate("moves")[WARM:]


def in_voila(browser: Browser, folder: Path, moves: int) -> dict[str, list[float]]:
    """Of each explorer: that of learned sigma in a page of its own, the others in one."""
    found = {}
    for names in (["learned"], list(SLIDERS)[1:]):
        source = f"import sys\nsys.path.insert(0, {str(ROOT / 'tests' / 'browser')!r})\n"
        source += f"from every import EXPLORERS\nfor name in {names}:\n    display(EXPLORERS[name]())\n"
        with served("-c", SERVE, source, cwd=folder) as (_, address):
            page = opened(browser, address)
            roots = page.locator(".gb-explorer")
            roots.nth(len(names) - 1).wait_for()
            page.wait_for_timeout(1000)  # for sliders to send their nearest steps
            for place, name in enumerate(names):
                for control, at in SLIDERS[name].items():
                    slider = roots.nth(place).locator(".noUi-handle").nth(at)
                    found[f"Voila, {name}, {control}"] = timed(page, "[role=img]", slider, moves, place)
            page.context.close()
    return found


def in_laboratory(browser: Browser, folder: Path, moves: int) -> dict[str, list[float]]:
    """Learned sigma as an explorer, and with `interact`."""
    with laboratory({"explorer": EXPLORER, "interact": INTERACT}, folder) as address:
        page = run_cell(browser, address("explorer"), "[role=img][data-numbers]")
        page.wait_for_timeout(1000)
        ours = timed(page, "[role=img][data-numbers]", page.locator(".noUi-handle").nth(1), moves)
        page.context.close()
        page = run_cell(browser, address("interact"), ".jp-OutputArea img")
        page.wait_for_timeout(1000)
        theirs = timed(page, ".jp-OutputArea img", page.locator(".noUi-handle"), moves)
        return {"JupyterLab, learned, tau_scale": ours, "interact": theirs}


def of_page(browser: Browser, folder: Path, moves: int) -> dict[str, list[float]]:
    path = folder / "page.html"
    gb.explore(gb.datasets.punctuality(ragged=True).values, "learned_sigma").save_html(path)
    page = opened(browser, path.as_uri(), offline=True)
    return {"page": timed(page, "[role=img]", page.locator("input"), moves)}


def main() -> None:
    """Measure and print."""
    moves = int(sys.argv[1]) if len(sys.argv) > 1 else MOVES
    with chromium() as browser, tempfile.TemporaryDirectory() as folder:
        parts = (of_page, in_laboratory, in_voila)
        found = {name: each for part in parts for name, each in part(browser, Path(folder), moves).items()}
    print(f"{'ms a move':<34}{'median':>10}{'95%':>10}{'asked':>16}")
    for name, each in found.items():
        print(f"{name:<34}{median(each):>10.1f}{quantiles(each, n=20)[-1]:>10.1f}{ASKED.get(name, ''):>16}")
    ratio = median(found["interact"]) / median(found["JupyterLab, learned, tau_scale"])
    print(f"interact takes {ratio:.1f} times as long as the explorer beside it in JupyterLab; asked: 5")


if __name__ == "__main__":
    main()
