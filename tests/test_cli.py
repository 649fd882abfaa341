import builtins
import csv
import io
import json
import os
import subprocess
import sys
import warnings

import pytest

import gridbayes as gb
from gridbayes import cli, csvfile
from gridbayes.cli import main
from gridbayes.datasets import eight_schools, punctuality

LATE = "department,minutes\r\n" + "".join(
    f"{group},{value:g}\r\n" for group, values in punctuality(ragged=True).values.items() for value in values
)
SCHOOLS = "school;effect;error\n" + "".join(
    f"{label};{values[0]:g};{eight_schools().errors[label]:g}\n" for label, values in eight_schools().values.items()
)
EFFECT = ["--effect", "effect", "--se", "error"]
PRIORS = ["--mu", "normal:0,10", "--tau", "halfcauchy:10"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of its own, with the two data sets as files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "late.csv").write_bytes(LATE.encode("utf-8-sig"))
    (tmp_path / "schools.csv").write_text(SCHOOLS)
    return tmp_path


@pytest.fixture
def run(here, capsys):
    """Run `gridbayes fit` on a file or its text; returns what it printed, or on failure the error."""

    def fit(data, *options):
        if "\n" in data or not data:
            (here / "data.csv").write_text(data)
            data = "data.csv"
        status = main(["fit", data, *options])
        out, err = capsys.readouterr()
        assert status == (2 if "gridbayes: error: " in err else 0)
        assert not (status and out)
        return err.split("gridbayes: error: ")[-1] if status else out

    return fit


def names(folder):
    return sorted(path.name for path in folder.iterdir())


# Results


@pytest.mark.parametrize(("text", "tau"), [("jeffreys", gb.Jeffreys()), ("uniform-shrinkage", gb.UniformShrinkage())])
def test_priors_of_tau_made_of_the_standard_errors(run, text, tau):
    schools = eight_schools()
    post = gb.partial_pooling(schools.values, sigma=schools.errors, mu=gb.Normal(0, 10), tau=tau)
    out = run("schools.csv", *EFFECT, "--group", "school", "--mu", "normal:0,10", "--tau", text)
    assert out == f"{post.summary()}\n"


def test_the_table_is_the_summary(run):
    out = run("late.csv", "--value", "minutes", "--group", "department", "--sigma", "15", *PRIORS)
    late = punctuality(ragged=True)
    post = gb.partial_pooling(late.values, sigma=15, mu=gb.Normal(0, 10), tau=gb.HalfCauchy(10))
    assert out == f"{post.summary()}\n"


def test_json_has_the_numbers_of_the_direct_call(run):
    options = ["--mu", "normal:0,5", "--tau", "halfcauchy:5", "--prob", "0.9", "--interval", "hdi"]
    result = json.loads(run("schools.csv", *EFFECT, "--group", "school", *options, "--format", "json"))
    data = eight_schools()
    post = gb.partial_pooling(data.values, sigma=data.errors, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5))
    assert list(result) == [
        "gridbayes", "model", "values", "groups", "interval", "log_evidence", "accuracy", "rows"
    ]  # fmt: skip
    assert result["model"] == post.model.title and result["gridbayes"] == gb.__version__
    assert (result["values"], result["groups"]) == (8, 8)
    assert result["interval"] == {"kind": "hdi", "prob": 0.9}
    assert result["log_evidence"] == post.log_evidence and result["accuracy"] == str(post.accuracy)
    assert [(row["parameter"], row["group"]) for row in result["rows"]] == [
        ("mu", None), ("tau", None), *(("theta", label) for label in "ABCDEFGH")
    ]  # fmt: skip
    for row in result["rows"]:
        low, high = post.hdi(row["parameter"], 0.9, group=row["group"]).values
        assert (row["lower"], row["upper"]) == (low, high)
        assert row["mean"] == post.mean(row["parameter"], group=row["group"])
        assert row["sd"] == post.sd(row["parameter"], group=row["group"])
        assert 0 <= row["error"] < 1e-3


def test_csv_has_the_rows_with_all_their_digits(run):
    out = run("late.csv", "--sigma", "15", *PRIORS, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    post = gb.partial_pooling(punctuality(ragged=True).values, sigma=15, mu=gb.Normal(0, 10), tau=gb.HalfCauchy(10))
    assert list(rows[0]) == ["parameter", "group", *post.summary().columns]
    assert [(row["parameter"], row["group"]) for row in rows] == [
        ("mu", ""), ("tau", ""), *(("theta", label) for label in post.groups)
    ]  # fmt: skip
    assert [float(row["mean"]) for row in rows] == post.summary()["mean"].tolist()


@pytest.mark.parametrize(("model", "call"), [("no", gb.no_pooling), ("complete", gb.complete_pooling)])
def test_other_models(run, model, call):
    result = run("late.csv", "--sigma", "15", "--model", model, "--theta", "normal:0,20", "--format", "json")
    post = call(punctuality(ragged=True).values, sigma=15, theta=gb.Normal(0, 20))
    assert json.loads(result)["log_evidence"] == post.log_evidence


def test_grids_are_those_of_the_direct_call(run):
    grids = ["--grid", "mu=-25:25:40", "--grid", "tau=1:30:40", "--grid", "theta=-40:40:80"]
    result = run("late.csv", "--sigma", "15", *PRIORS, *grids, "--format", "json")
    nodes = {"mu": (-25, 25, 40), "tau": (1, 30, 40), "theta": (-40, 40, 80)}
    grids = {name: gb.linspace(*span) for name, span in nodes.items()}
    data = punctuality(ragged=True).values
    post = gb.partial_pooling(data, sigma=15, mu=gb.Normal(0, 10), tau=gb.HalfCauchy(10), grids=grids)
    assert json.loads(result)["log_evidence"] == post.log_evidence
    assert "use automatic grids" in json.loads(result)["accuracy"]


def test_sigma_may_be_a_column(run):
    text = "g,y,se\nA,1,2\nA,3,4\nB,,\nB,5,1\n"
    result = run(text, "--value", "y", "--group", "g", "--sigma", "se", *PRIORS, "--format", "json")
    post = gb.partial_pooling({"A": [1, 3], "B": [5]}, sigma={"A": [2, 4], "B": [1]}, mu_scale=10, tau_scale=10)
    assert json.loads(result)["log_evidence"] == pytest.approx(post.log_evidence, abs=1e-12)


@pytest.mark.parametrize("shared", [False, True])
def test_sigma_may_be_learned(here, monkeypatch, shared):
    class SeenError(Exception):
        pass

    def spy(*_, **arguments):
        assert arguments["sigma"] == gb.HalfCauchy(5) and arguments["shared_sigma"] is shared
        raise SeenError

    monkeypatch.setattr(gb, "partial_pooling", spy)
    with pytest.raises(SeenError, match=r"^$"):
        main(["fit", "late.csv", "--sigma", "halfcauchy:5", *["--shared-sigma"] * shared])


def test_groups_are_numbered_where_they_have_no_names(run):
    rows = json.loads(run("effect,error\n28,15\n8,10\n", *EFFECT, *PRIORS, "--format", "json"))["rows"]
    assert [row["group"] for row in rows] == [None, None, 1, 2]


def test_a_spreadsheets_file_in_european_clothes(run, here):
    text = '"Abteilung" ;"Minuten, zu spät";;\r\nMATHE;30,5;;\r\n;;;\r\n\r\n"ENGLISCH";-15;;\r\nMATHE;;;\r\n'
    (here / "spät.csv").write_bytes(text.encode("utf-8-sig"))
    columns = ["--value", "Minuten, zu spät", "--group", "Abteilung"]
    result = run("spät.csv", *columns, "--sigma", "15", *PRIORS, "--format", "json")
    post = gb.partial_pooling({"MATHE": 30.5, "ENGLISCH": -15}, sigma=15, mu_scale=10, tau_scale=10)
    assert json.loads(result)["log_evidence"] == post.log_evidence


# What is said on the side


def test_two_columns_need_no_names_and_it_says_so(here, capsys):
    assert main(["fit", "late.csv", "--sigma", "15", *PRIORS]) == 0
    assert capsys.readouterr().err == 'gridbayes: note: using --value "minutes" --group "department"\n'


def test_missing_values_are_counted(here, capsys):
    (here / "x.csv").write_text("g,y\nA,1\nA,NA\nB,\nC,2\n")
    assert main(["fit", "x.csv", "--value", "y", "--group", "g", "--sigma", "1", *PRIORS]) == 0
    out, err = capsys.readouterr()
    assert err == 'gridbayes: note: 2 of 4 rows have no "y" and are left out\n'
    assert "theta[B]" in out  # a group without data gets its predictive


def test_warnings_are_a_line(here, capsys, monkeypatch):
    monkeypatch.setattr(cli, "_fit", lambda *_: warnings.warn("thin ice", stacklevel=1))
    monkeypatch.setitem(cli.FORMATS, "table", lambda *_: "")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert main(["fit", "schools.csv", *EFFECT]) == 0
    assert capsys.readouterr().err == "gridbayes: warning: thin ice\n"


def test_labels_cannot_drive_the_terminal(run):
    out = run("g,y\n\x1b[31mred,1\nB,2\n", "--sigma", "1", *PRIORS)
    assert "\x1b" not in out and "theta[\\x1b[31mred]" in out


@pytest.mark.parametrize(("label", "written"), [("=1+1", "'=1+1"), ("@x", "'@x"), ("-5", "-5"), ("a=b", "a=b")])
def test_labels_are_no_formulas_in_csv(run, label, written):
    text = f"g,y\n{label},1\nB,2\n"
    out = run(text, "--value", "y", "--group", "g", "--sigma", "1", *PRIORS, "--format", "csv")
    assert [row["group"] for row in csv.DictReader(io.StringIO(out))] == ["", "", written, "B"]


# Files


def test_output_goes_to_the_file_alone(here, capsys):
    assert main(["fit", "schools.csv", *EFFECT, "--format", "json", "--output", "out.json"]) == 0
    out, err = capsys.readouterr()
    assert out == "" and f"gridbayes: note: wrote {here / 'out.json'}" in err
    assert json.loads((here / "out.json").read_text())["groups"] == 8


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_a_figure_is_written_in_the_format_of_its_suffix(here, suffix):
    assert main(["fit", "schools.csv", *EFFECT, "--figure", f"out.{suffix}"]) == 0
    start = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}[suffix]
    assert (here / f"out.{suffix}").read_bytes().startswith(start)
    assert names(here) == ["late.csv", f"out.{suffix}", "schools.csv"]


def test_a_failure_while_writing_leaves_what_was_there(here, capsys, monkeypatch):
    def fail(*_):
        raise OSError(28, "No space left on device", "out.json")

    (here / "out.json").write_text("old")
    monkeypatch.setattr(os, "replace", fail)
    assert main(["fit", "schools.csv", *EFFECT, "--format", "json", "--output", "out.json"]) == 2
    assert "gridbayes: error: out.json: No space left on device" in capsys.readouterr().err
    assert names(here) == ["late.csv", "out.json", "schools.csv"]
    assert (here / "out.json").read_text() == "old"


def test_a_bad_suffix_is_refused_before_any_work(run, monkeypatch):
    monkeypatch.setattr(cli, "question_of", None)
    assert run("late.csv", "--figure", "out.jpg").startswith("a figure is written as .png, .svg or .pdf")


def test_standard_input(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SCHOOLS.encode())))
    assert main(["fit", "-", *EFFECT, "--group", "school", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["groups"] == 8


# Errors

COLUMNS = "--value y --group g"
KNOWN = f"{COLUMNS} --sigma 1"
META = "--effect effect --se error"


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", KNOWN, "data.csv is empty. Pass a file with a header"),
        ("g,y\n", KNOWN, "data.csv has a header and no rows."),
        ("g,y,y\nA,1,1\n", KNOWN, 'data.csv, line 1: 2 columns are named "y". Rename them.'),
        ("g,y\nA,1\nB,2,3\n", KNOWN, "data.csv, line 3: 3 cells under 2 columns."),
        ("g,y\nA,1\nB,\n\nC,abc\n", KNOWN, 'data.csv, line 5, column "y": "abc" is not a number.'),
        ("g,y\nA,1\n,2\n", KNOWN, 'data.csv, line 3, column "g": the value 2 has no group.'),
        ("g,y\nA,1\nNA,2\n", KNOWN, 'data.csv, line 3, column "g": the value 2 has no group.'),
        ("g,yy\nA,1\n", KNOWN, 'no column "y". Its columns are "g", "yy". Did you mean "yy"?'),
        ("g,y\nA,NA\n", KNOWN, "data must hold at least one value; every value is missing"),
        ("g,y\nA,1\0\n", KNOWN, "data.csv is a binary file"),
        ("g,y,z\nA,1,2\n", "", "pass --value and --group, or --effect and --se. Its columns are"),
        ("g,y\nA,B\n", "", 'pass --value and --group, or --effect and --se. Its columns are "g", "y".'),
        ("A,1\nB,2\n", "", 'Its columns are "A", "1". Is the header missing?'),
        (
            "g,y,s\nA,1,\n",
            f"{COLUMNS} --sigma s",
            'line 2, column "s": a standard error must be positive; it is m',
        ),
        (
            "g,y,s\nA,1,1\nB,,\nB,1,-2\n",
            f"{COLUMNS} --sigma s",
            'line 4, column "s": a standard error must be',
        ),
        ("g,y,error\nA,1,1\n", f"{COLUMNS} --sigma eror", '"g", "y", "error". Did you mean "error"?'),
        ("effect\n1\n", "--effect effect", "--effect needs --se, the column of standard errors. Its columns"),
        (
            "effect,error\n1,1\n1,0\n",
            META,
            'line 3, column "error": a standard error must be positive; it is 0.',
        ),
        (
            "effect,error,g\n1,1,A\n2,2,B\n3,3,A\n",
            f"{META} --group g",
            'line 4, column "g": "A" is in line 2 too',
        ),
        ("effect,error,g\n1,1,A\n2,2,\n", f"{META} --group g", 'line 3, column "g": the group has no name.'),
    ],
)
def test_mistakes_in_the_file_are_one_line_and_status_2(run, text, options, message):
    error = run(text, *options.split())
    assert message in error
    assert error.count("\n") == 1 and "Traceback" not in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--value y", '--group is missing. Its columns are "g", "y".'),
        ("--group g", "--value is missing."),
        (f"{KNOWN} --se y", "--se goes with --effect."),
        ("--effect y --se y --sigma 1", "--se states the standard errors; leave out --sigma."),
        ("--effect y --se y --value y", "--effect and --value exclude one another."),
        (f"{COLUMNS} --sigma -3", "sigma must be positive; sigma is -3.0."),
        (f"{COLUMNS} --sigma eror", '--sigma "eror" is no number, no column and no prior.'),
        (f"{COLUMNS} --sigma halfcauchy", 'prior "halfcauchy": HalfCauchy takes scale; 0 given.'),
        (f"{COLUMNS} --sigma cauchy:0,5", "sigma must have a prior on [0, inf)"),
        (f"{KNOWN} --shared-sigma", "shared_sigma=True needs a prior for sigma"),
        (f"{KNOWN} --mu normal:0", '--mu: prior "normal:0": Normal takes loc, scale; 1 given.'),
        (f"{KNOWN} --theta normal:0,1", "--theta is not of --model partial, which takes --mu and --tau."),
        (f"{KNOWN} --model no --tau flat", "--tau is not of --model no, which takes --theta."),
        (f"{KNOWN} --grid tau=1:30", '--grid must be NAME=LOW:HIGH:COUNT; it is "tau=1:30".'),
        (f"{KNOWN} --grid tau=30:1:9", "--grid tau=30:1:9: a grid runs from a low to a higher"),
        (f"{KNOWN} --grid tau=1:3:9 --grid tau=1:3:9", "--grid names a parameter twice."),
        (f"{KNOWN} --grid nu=1:3:9", "grids names 'nu'; partial pooling has the parameters"),
        (f"{KNOWN} --prob 89", "prob must lie in [0, 1]; prob is 89.0."),
        (f"{KNOWN} --delimiter ||", "the delimiter must be one character; it is '||'."),
        (f"{KNOWN} --output no/where", "no/where: there is no folder"),
        (f"{KNOWN} --output .", ". is a folder. Name a file in it."),
    ],
)
def test_mistakes_in_options_are_one_line_and_status_2(run, options, message):
    error = run("g,y\nA,1\nB,3\n", *options.split())
    assert message in error
    assert error.count("\n") == 1 and "Traceback" not in error


def test_sigma_is_required(run):
    assert run("late.csv").startswith("--sigma is missing. Pass a number, a column, or a prior to learn it")


def test_files_that_are_not_there(run, here):
    assert run("late.cvs").startswith("late.cvs: no such file, seen from")
    assert run(str(here)).startswith(f"{here} is a folder. Name a CSV file in it.")


def test_too_many_groups_for_a_figure(run, here):
    text = "g,y\n" + "".join(f"g{i},{i % 7}\n" for i in range(201))
    assert "up to 200 groups; there are 201" in run(text, "--sigma", "1", "--figure", "x.png", "--output", "x.txt")
    assert names(here) == ["data.csv", "late.csv", "schools.csv"]


def test_memory_errors_are_the_users(run, monkeypatch):
    def too_much(*_):
        raise MemoryError("100 GiB. Pass coarser grids.")

    monkeypatch.setattr(cli, "_fit", too_much)
    assert run("late.csv", "--sigma", "1") == "100 GiB. Pass coarser grids.\n"


def test_bugs_are_not_swallowed_and_a_traceback_can_be_had(here, monkeypatch):
    with pytest.raises(ValueError, match="--sigma is missing"):
        main(["fit", "late.csv", "--traceback"])
    monkeypatch.setattr(csvfile, "_sniffed", int)  # a ValueError, but not one that we state
    with pytest.raises(ValueError, match="invalid literal for int"):
        main(["fit", "late.csv"])


@pytest.mark.parametrize(
    "arguments", [[], ["fti"], ["fit"], ["fit", "x.csv", "--format", "xml"], ["fit", "x", "--prob", "a"]]
)
def test_wrong_options_are_argparses(arguments, capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(arguments)
    assert "usage: gridbayes" in capsys.readouterr().err


def test_a_reader_who_leaves_is_met_quietly(here, capfd, monkeypatch):
    def leave(*_):
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(cli, "write_result", leave)
    dropped = []
    monkeypatch.setattr(cli, "drop_output", lambda: dropped.append(True))
    assert main(["fit", "schools.csv", *EFFECT]) == 1
    assert dropped and capfd.readouterr().err == ""


# Help, version, quickstart


def test_help_describes_the_json(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["fit", "--help"])
    out = capsys.readouterr().out
    assert all(key in out for key in ("log_evidence", "accuracy", "interval", "gridbayes fit late.csv --value minutes"))


def test_version(capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["--version"])
    assert capsys.readouterr().out == f"gridbayes {gb.__version__}\n"


def test_quickstart_fits_three_models_to_two_data_sets(here, capsys):
    assert main(["quickstart", "--figure", "first.png"]) == 0
    out = capsys.readouterr().out
    for what in (
        "Eight schools: points of SAT-V",
        "Rubin (1981)",
        "Punctuality: minutes late",
        "under a prior so wide",
    ):
        assert what in out
    for model in ("partial", "no", "complete"):
        assert f"{model} pooling of 8 groups" in out and f"{model} pooling of 3 groups" in out
    data = eight_schools()
    post = gb.partial_pooling(data.values, sigma=data.errors, mu=gb.Normal(0, 5), tau=gb.HalfCauchy(5))
    assert str(post.summary()) in out
    assert out.count("\nlog evidence ") == out.count("largest error") == 6
    assert max(len(line) for line in out.splitlines() if not line.startswith("Figure:")) <= 100
    assert f"Figure: {here / 'first.png'}\n" in out and out.count("gridbayes fit") == 1
    assert (here / "first.png").read_bytes().startswith(b"\x89PNG")
    assert names(here) == ["first.png", "late.csv", "schools.csv"]


def test_it_runs_as_a_module_into_a_pipe_that_closes(here):
    command = [sys.executable, "-m", "gridbayes", "fit", "schools.csv", *EFFECT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        errors = process.stderr.read()
    assert process.returncode == 1
    assert not {"Traceback", "BrokenPipeError", "Exception"} & set(errors.replace(":", " ").split())


def test_plots_are_loaded_only_for_a_figure(here, capsys, monkeypatch):
    def refuse(name, *rest):
        assert not name.startswith(("matplotlib", "gridbayes.plots"))
        return load(name, *rest)

    load = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", refuse)
    assert main(["fit", "schools.csv", *EFFECT]) == 0
