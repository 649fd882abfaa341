"""Debian's Chromium without a network, and what tests and benchmarks read from an explorer's picture in it."""

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from gridbayes.app import free_port, notebook_of

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
    page = _page_of(browser, url, **context)
    page.locator("[role=img]").first.wait_for()
    return page


def _page_of(browser: Browser, url: str, **context: object) -> Page:
    expect.set_options(timeout=PATIENCE)
    page = browser.new_context(**context).new_page()
    page.set_default_timeout(PATIENCE)
    page.route(re.compile(".*"), _kept_here)
    page.goto(url, wait_until="domcontentloaded")
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


def label_of(page: Page | Locator) -> str:
    """What the picture says to those who do not see it."""
    return page.locator("[role=img]").get_attribute("aria-label")


def numbers_of(page: Page | Locator) -> dict[str, list[float]]:
    """The estimates of the picture: mean, sd and interval by label."""
    return json.loads(page.locator("[role=img]").get_attribute("data-numbers"))


def wait_for_label(page: Page, part: str) -> None:
    """Until the picture is the one of a state."""
    page.wait_for_function(
        "part => document.querySelector('[role=img]').getAttribute('aria-label').includes(part)", arg=part
    )


@contextmanager
def laboratory(notebooks: dict[str, str], folder: Path) -> Iterator[Callable[[str], str]]:
    """JupyterLab in a folder of notebooks of one cell each; gives the address of one, in a workspace of its own."""
    for name, source in notebooks.items():
        (folder / f"{name}.ipynb").write_text(notebook_of(source), encoding="utf-8")
    news = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text('{"fetchNews": "false", "checkForUpdates": false}')
    own = {f"JUPYTER_{name}_DIR": str(folder / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{name}_DIR": str(folder / name.lower()) for name in ("SETTINGS", "WORKSPACES")}
    port, token = free_port(), secrets.token_hex()
    options = {
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.root_dir": folder,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--IdentityProvider.token={token}"]
    command += [f"--{name}={value}" for name, value in options.items()]
    pipes = {"cwd": folder, "env": {**os.environ, **own}, "stderr": subprocess.STDOUT}
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, **pipes) as process:
        try:
            while not _answers(f"http://127.0.0.1:{port}/api"):
                if process.poll() is not None:
                    raise RuntimeError((folder / "log").read_text())
                time.sleep(0.2)
            yield lambda name: f"http://127.0.0.1:{port}/lab/workspaces/{name}/tree/{name}.ipynb?reset&token={token}"
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def run_cell(browser: Browser, url: str, result: str, **context: object) -> Page:
    """A page of JupyterLab after its first cell was run as a hand does it, when `result` is there."""
    page = _page_of(browser, url, **context)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for(state="attached")
    page.keyboard.press("Shift+Enter")
    page.locator(result).first.wait_for()
    return page
