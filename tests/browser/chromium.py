"""Debian's Chromium without a network, and what tests and benchmarks read from an explorer's picture in it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, Route, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OURS = ("http://127.0.0.1:", "ws://127.0.0.1:", "file:", "data:", "blob:")
PATIENCE = 240_000  # ms for a kernel to start and compile on a busy machine


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that is installed; none is downloaded."""
    path = shutil.which("chromium")
    if path is None:
        raise FileNotFoundError("there is no chromium here. Run apt-get install chromium.")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


def opened(browser: Browser, url: str, **context: object) -> Page:
    """A page whose explorer has drawn, with no request beyond this machine; `context` as Playwright's `new_context`."""
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(PATIENCE)
    page.route(re.compile(".*"), _kept_here)
    page.goto(url, wait_until="domcontentloaded")
    page.locator("[role=img]").first.wait_for()
    return page


def _kept_here(route: Route) -> None:
    if route.request.url.startswith(OURS):
        route.continue_()
    else:
        route.abort()


@contextmanager
def served(*arguments: str, cwd: Path) -> Iterator[tuple[subprocess.Popen, str]]:
    """Python with these arguments, as a process of its own that serves an explorer, and its address."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # a shell's background job ignores interrupts, and so do its children; `env` forks without waking JAX's threads
    command = ["env", "--default-signal=INT", sys.executable, *arguments]
    with subprocess.Popen(command, cwd=cwd, **pipes) as process:
        try:
            line = process.stdout.readline()
            address = re.match(r"http://127\.0\.0\.1:\d+/", line)
            if address is None:
                raise RuntimeError(f"no address: {line}{process.communicate()}")
            yield process, address[0]
        finally:
            process.terminate()


def label_of(page: Page) -> str:
    """What the picture says to those who do not see it."""
    return page.locator("[role=img]").get_attribute("aria-label")


def numbers_of(page: Page) -> dict[str, list[float]]:
    """The estimates of the picture: mean, sd and interval by label."""
    return json.loads(page.locator("[role=img]").get_attribute("data-numbers"))


def wait_for_label(page: Page, part: str) -> None:
    """Until the picture is the one of a state."""
    page.wait_for_function(
        "part => document.querySelector('[role=img]').getAttribute('aria-label').includes(part)", arg=part
    )
