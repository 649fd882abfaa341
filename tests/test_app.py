"""`gridbayes explore` without a browser: the page it writes, the call it would serve, and what it says."""

import importlib.util
import json
import re

import pytest

import gridbayes as gb
from gridbayes import app
from gridbayes.cli import main

LATE = "department,minutes\nMATH,30\nENGLISH,-15\nENGLISH,-16\nART,\n"
SCHOOLS = "effect,error\n28,15\n8,10\n-3,16\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "late.csv").write_text(LATE)
    (tmp_path / "schools.csv").write_text(SCHOOLS)
    return tmp_path


@pytest.fixture
def served(here, monkeypatch, capsys):
    """What the text that would be served displays, for options of `gridbayes explore`; no server is started."""

    def run(*options: str) -> gb.Explorer:
        sources: list[str] = []
        monkeypatch.setattr(app, "_check_installed", lambda: None)
        monkeypatch.setattr(app, "serve", lambda source, browser: sources.append(source))
        assert main(["explore", *options]) == 0, capsys.readouterr().err
        names: dict = {}
        head, _, call = sources[0].partition("\n\n")
        exec(head, names)
        return eval(call, names)

    return run


def data_of(explorer: gb.Explorer) -> dict[str, list[float]]:
    return {group: list(values) for group, values in explorer.state["data"].items()}


def test_rows_of_a_file_come_into_the_call(served):
    explorer = served("late.csv", "--sigma", "12.5")
    assert data_of(explorer) == {"MATH": [30], "ENGLISH": [-15, -16], "ART": []}
    assert explorer.state["sigma"] == 12.5 and explorer.subject.unit == "minutes"
    assert "gb.partial_pooling(" in explorer.code()


def test_standard_errors_come_in_by_group(served):
    explorer = served("schools.csv", "--effect", "effect", "--se", "error", "--model", "no")
    assert data_of(explorer) == {"1": [28], "2": [8], "3": [-3]}
    assert {group: list(cell) for group, cell in explorer.state["errors"].items()} == {"1": [15], "2": [10], "3": [16]}
    assert "gb.no_pooling(" in explorer.code()


def test_a_prior_of_sigma_is_learned(served):
    explorer = served("late.csv", "--sigma", "halfcauchy:4")
    assert explorer.state["sigma_scale"] == 4 and "sigma=gb.HalfCauchy(4.0)" in explorer.code()


def test_without_a_file_there_are_data_to_begin_with(served):
    assert data_of(served("--model", "complete")) == {"GOVERNMENT": [1], "ENGLISH": [-15], "MATH": [30]}


def test_a_page_is_written(here, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", None)  # a page needs nothing more
    assert main(["explore", "late.csv", "--sigma", "15", "--html", "out.html"]) == 0
    assert f"note: wrote {here / 'out.html'}" in capsys.readouterr().err
    text = (here / "out.html").read_text(encoding="utf-8")
    frames = json.loads(re.search(r'id="frames">(.*?)</script>', text, re.S)[1])["frames"]
    assert len(frames) == 41 and "3 values in 3 groups" in frames[0]["label"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["late.csv", "--sigma", "-1"], "sigma must be positive"),
        (["late.csv", "--sigma", "normal:0,1"], "HalfCauchy(scale)"),
        (["late.csv", "--value", "hours", "--group", "department"], 'no column "hours"'),
        (["--value", "minutes"], "--value is of a CSV file, and none is named. Name the file too"),
        (["--model", "magic"], "model must be one of"),
        (["nowhere.csv"], "nowhere.csv: no such file"),
        (["--html", "no/where.html"], "no/where.html: No such file or directory"),
    ],
)
def test_mistakes_are_one_line_and_status_2(here, capsys, monkeypatch, options, message):
    monkeypatch.setattr(app, "_check_installed", lambda: None)
    monkeypatch.setattr(app, "serve", None)
    assert main(["explore", *options]) == 2
    error = capsys.readouterr().err.split("gridbayes: error: ")[1]
    assert message in error and error.count("\n") == 1


def test_what_is_not_installed_is_named_with_its_remedy(here, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "voila" else object())
    assert main(["explore"]) == 2
    said = 'gridbayes explore needs voila, not installed here. Run pip install "gridbayes[app]", or write a page with'
    assert said in capsys.readouterr().err
