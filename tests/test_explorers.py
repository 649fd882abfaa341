"""Explorers without a browser: what a picture says equals the direct call, controls move it and bring it back."""

import json
import re
from itertools import pairwise

import numpy as np
import pytest
from explorer_text import Elements, label_of, numbers_in, run

import gridbayes as gb
from gridbayes.explorers.controls import Choice, Slider, Table, state_of
from gridbayes.explorers.svg import ticks
from gridbayes.explorers.widget import Shell

ROWS = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}


@pytest.fixture(scope="module")
def known() -> gb.Explorer:
    return gb.explore(ROWS, sigma=15, mu_scale=10, tau_scale=10)


@pytest.fixture(scope="module")
def learned() -> gb.Explorer:
    return gb.explore(ROWS, sigma=gb.HalfCauchy(5), mu_scale=10, tau_scale=10)


@pytest.fixture(autouse=True)
def restored(request):
    """Explorers that tests share begin each test at their first state."""
    for name in {"known", "learned"} & set(request.fixturenames):
        request.getfixturevalue(name).reset()


# --- numbers ----------------------------------------------------------------------------------------------------------


def test_the_picture_of_known_sigma_has_the_numbers_of_the_continuous_model(known):
    """Against automatic grids, which share no code with explicit ones; tau's grid cuts a little of its tail off."""
    post = gb.partial_pooling(ROWS, sigma=15, mu_scale=10, tau_scale=10)
    stated = numbers_in(known.frame())
    assert set(dict(post.rows)) == set(stated) - {"theta[a new group]"}
    for label, marginal in post.rows:
        mean, sd, low, high = stated[label]
        assert mean == pytest.approx(marginal.mean, abs=(1e-3 if label == "tau" else 1e-4) * marginal.sd)
        assert sd == pytest.approx(marginal.sd, rel=0.011 if label == "tau" else 1e-4)
        np.testing.assert_allclose([low, high], marginal.eti(), atol=0.007 * marginal.sd)


def test_the_empty_group_is_the_prediction_of_a_new_one(known):
    post = gb.partial_pooling(ROWS, sigma=15, mu_scale=10, tau_scale=10).predict(new_group=True)
    mean, _, low, high = numbers_in(known.frame())["theta[a new group]"]
    (expected,) = post.marginals["expected"]
    assert mean == pytest.approx(expected.mean, abs=1e-4 * expected.width)
    np.testing.assert_allclose([low, high], expected.eti(), atol=1e-3 * expected.width)


def test_the_picture_of_learned_sigma_has_the_numbers_of_the_continuous_model(learned):
    post = gb.partial_pooling(ROWS, sigma=gb.HalfCauchy(5), mu_scale=10, tau_scale=10)
    stated = numbers_in(learned.frame())
    assert set(dict(post.rows)) == set(stated) - {"theta[a new group]"}
    for label, marginal in post.rows:
        single = label == "sigma[MATH]"  # of one value, it has no mean, and the grid cuts its tail
        np.testing.assert_allclose(stated[label][2:], marginal.eti(), atol=(0.1 if single else 0.05) * marginal.width)
        if "sigma" not in label:
            assert stated[label][0] == pytest.approx(marginal.mean, abs=0.025 * marginal.sd)


@pytest.mark.parametrize("model", ["complete_pooling", "no_pooling"])
def test_complete_and_no_pooling_have_closed_forms(model):
    explorer = gb.explore(ROWS, model, sigma=15, mu_mean=2, theta_scale=20)
    stated = numbers_in(explorer.frame())
    groups = {f"theta[{group}]": values for group, values in ROWS.items()}
    if model == "complete_pooling":
        groups = {"theta": [x for values in ROWS.values() for x in values]}
    for label, values in groups.items():
        precision = 1 / 20**2 + len(values) / 15**2
        assert stated[label][0] == pytest.approx((2 / 20**2 + sum(values) / 15**2) / precision, abs=1e-6)
        assert stated[label][1] == pytest.approx(precision**-0.5, rel=1e-6)


def test_the_label_and_the_table_state_the_numbers_too(known):
    mean, _, low, high = numbers_in(known.frame())["theta[MATH]"]
    html = known.picture.html()
    assert f"theta[MATH] {mean:.3g}, 89% interval {low:.3g} to {high:.3g}" in label_of(html)
    assert "mu_scale 10, tau_scale 10, sigma 15" in label_of(html) and "7 values in 3 groups" in label_of(html)
    assert label_of(html) == label_of(known.frame())
    assert f"{mean:.3g}" in Elements(html).texts


def test_the_accuracy_line_bounds_what_half_of_the_nodes_change(known):
    """The stated distance, found again from the copied code with every other node."""
    code = known.code()
    counts = re.sub(r"(gb\.stretched\(\S+, \S+, )(\d+)", lambda m: f"{m[1]}{int(m[2]) // 2 + 1}", code)
    fine, coarse = run(code), run(counts)
    apart = [abs(a.mean - b.mean) / b.sd for (_, a), (_, b) in zip(fine.rows, coarse.rows, strict=True)]
    assert f"no mean is farther off than {max(apart):.1g} sd" in known.picture.accuracy
    beyond = 1 - 2 / np.pi * np.arctan(fine.grids["tau"].nodes[-1] / 10)
    stated = re.search(r"([\d.]+)% of the prior of tau is beyond its grid", known.picture.accuracy)
    assert stated and float(stated[1]) == pytest.approx(100 * beyond, abs=0.06)
    assert known.picture.accuracy in "".join(Elements(known.picture.html()).texts)


def test_the_sentence_says_what_moved(known):
    old = numbers_in(known.frame())
    known.set(tau_scale=0.1)
    new = numbers_in(known.frame())
    assert "tau_scale went from 10 to 0.1" in known.picture.sentence
    most = max(old, key=lambda label: abs(new[label][0] - old[label][0]) / new[label][1])
    assert f"{most} moved most, from {old[most][0]:.3g} to {new[most][0]:.3g}" in known.picture.sentence
    assert f"MATH is drawn from 30 to {new['theta[MATH]'][0]:.3g}" in known.picture.sentence


# --- the limits of tau ------------------------------------------------------------------------------------------------


def test_tau_to_nothing_is_complete_pooling(known):
    """mu ~ N(0, 100) given seven values of sd 15, in closed form."""
    known.set(tau_scale=1e-3, mu_scale=100)
    values = [x for cell in ROWS.values() for x in cell]
    precision = 1 / 100**2 + 7 / 15**2
    for group in ROWS:
        mean, sd, *_ = numbers_in(known.frame())[f"theta[{group}]"]
        assert mean == pytest.approx(sum(values) / 15**2 / precision, abs=0.0015 * sd)
        assert sd == pytest.approx(precision**-0.5, rel=0.0025)


def test_the_wider_the_prior_of_tau_the_nearer_are_estimates_to_their_values(known):
    estimates = [numbers_in(known.set(tau_scale=scale).frame())["theta[MATH]"][0] for scale in (0.1, 1, 10, 100, 1000)]
    assert np.all(np.diff(estimates) > 0) and estimates[-1] < 30


@pytest.mark.parametrize(("tau", "atol"), [(1e-3, 0.02), (20.0, 1e-6), (1e4, 1e-6)])
def test_a_given_tau_leads_from_complete_to_no_pooling(known, tau, atol):
    """theta_d ~ N(mu, tau), mu ~ N(0, 10): normal distributions, conditioned in NumPy."""
    known.set(tau_prior="none: tau is tau_scale", tau_scale=tau)
    counts, means = (np.array([f(values) for values in ROWS.values()]) for f in (len, np.mean))
    covariance = 10.0**2 + tau**2 * np.eye(3)
    gain = covariance @ np.linalg.inv(covariance + np.diag(15**2 / counts))
    expected, sds = gain @ means, np.sqrt(np.diag(covariance - gain @ covariance))
    stated = numbers_in(known.frame())
    for group, mean, sd in zip(ROWS, expected, sds, strict=True):
        assert stated[f"theta[{group}]"][0] == pytest.approx(mean, abs=atol * sd)
        assert stated[f"theta[{group}]"][1] == pytest.approx(sd, rel=atol)
    assert [panel.title for panel in known.picture.view.panels] == ["mu", "theta: values, estimates"]
    assert f"as tau is {tau:.3g}" in known.picture.sentence
    assert "prior of tau" not in known.picture.accuracy


# --- code -------------------------------------------------------------------------------------------------------------


MODELS = ["partial_pooling", "learned_sigma", "complete_pooling", "no_pooling"]


@pytest.mark.parametrize("name", MODELS)
def test_the_code_gives_the_numbers_of_the_picture_at_each_preset(name):
    """Of partial pooling at each; the others have the same data, and compile anew for each number of groups."""
    explorer = gb.explore(model=name)
    for preset in explorer.presets if name == "partial_pooling" else ["ragged punctuality"]:
        explorer.preset(preset)
        post, stated = run(explorer.code()), numbers_in(explorer.frame())
        for label, marginal in post.rows:
            if label != "sigma[a new group]":
                np.testing.assert_array_equal(stated[label], [marginal.mean, marginal.sd, *marginal.eti()])
        data = explorer.presets[preset].get("data", gb.datasets.punctuality().values)
        assert list(explorer.state["data"]) == list(data)


@pytest.mark.parametrize(
    ("prior", "text"),
    [
        ("half-Cauchy", "gb.HalfCauchy(8.0)"),
        ("half-normal", "gb.HalfNormal(8.0)"),
        ("exponential", "gb.Exponential(0.125)"),
        ("uniform", "gb.Uniform(0.0, 8.0)"),
    ],
)
def test_the_code_has_the_prior_of_tau(known, prior, text):
    state = state_of(known.subject.controls, known.state, {"tau_prior": prior, "tau_scale": 8})
    assert f"    tau={text}," in known.subject.code(state).splitlines()


def test_values_arrive_one_at_a_time(known):
    """The first of each group before any second: after two, GOVERNMENT and ENGLISH have one each."""
    known.set(arrived=2)
    post = gb.partial_pooling({"GOVERNMENT": [-10], "ENGLISH": [-16], "MATH": []}, sigma=15, mu_scale=10, tau_scale=10)
    stated = numbers_in(known.frame())
    for group in ROWS:
        assert stated[f"theta[{group}]"][0] == pytest.approx(
            post.mean("theta", group), abs=2e-4 * post.sd("theta", group)
        )


def test_standard_errors_by_group_come_in():
    schools = gb.datasets.eight_schools()
    explorer = gb.explore(schools.values, sigma=schools.errors, mu_scale=5, tau_scale=5)
    assert explorer.state["sigma"] == 1
    assert numbers_in(explorer.frame())["tau"][0] == pytest.approx(3.597705, abs=5e-4)
    assert numbers_in(explorer.frame())["mu"][0] == pytest.approx(4.396821, abs=1e-4)


# --- widgets ----------------------------------------------------------------------------------------------------------


def test_a_slider_moves_the_picture_and_brings_it_back(known):
    shell = Shell(known)
    first, numbers = shell.picture.value, numbers_in(shell.picture.value)
    for name, slider in shell.sliders.items():
        value = slider.value
        slider.value = slider.min if not name.endswith("scale") and name != "sigma" else 10**slider.min
        assert numbers_in(shell.picture.value) != numbers, name
        assert known.state[name] == pytest.approx(slider.value)
        slider.value = value
        assert numbers_in(shell.picture.value) == numbers, name
        assert label_of(shell.picture.value) == label_of(first)


def test_box_and_slider_say_the_same(known):
    shell = Shell(known)
    shell.inputs["tau_scale"].value = "2.5"
    assert shell.sliders["tau_scale"].value == pytest.approx(2.5) and known.state["tau_scale"] == 2.5
    shell.sliders["tau_scale"].value = 4.0
    assert shell.inputs["tau_scale"].value == "4"
    shell.inputs["tau_scale"].value = "5000"  # beyond the end of the slider, but a number
    assert known.state["tau_scale"] == 5000 and shell.sliders["tau_scale"].value == pytest.approx(1000)


def test_the_step_that_a_browser_sends_back_is_no_move(known):
    """Told 7.3, a slider of 50 steps a decade answers 10^0.86; a hand that leaves and returns finds the first value."""
    shell = Shell(known)
    shell.inputs["tau_scale"].value = "7.3"
    shell.sliders["tau_scale"].value = 10**0.86
    assert known.state["tau_scale"] == 7.3 and shell.inputs["tau_scale"].value == "7.3"
    shell = Shell(known.set(mu_scale=5))
    for step, state in [(0.72, 5.248), (0.70, 5.0)]:
        shell.sliders["mu_scale"].value = 10**step
        assert known.state["mu_scale"] == state


def test_at_most_five_controls_are_in_sight():
    for model in MODELS:
        assert 3 <= sum(not control.more for control in gb.explore(model=model).subject.controls) <= 5


@pytest.mark.parametrize(
    ("name", "typed", "said"),
    [
        ("tau_scale", "lots", "tau_scale must be a number"),
        ("tau_scale", "", "tau_scale must be a number"),
        ("tau_scale", "1e300", "tau_scale must be from"),
        ("mu_scale", "-1", "mu_scale must be from"),
        ("sigma", "nan", "sigma must be a finite number"),
        ("data[MATH]", "30, x", r"data\[MATH\] must be a number"),
        ("data[MATH]", "1e300", r"data\[MATH\] must be between"),
        ("arrived", "2.5", "arrived must be a whole number"),
        ("errors[MATH]", "-2", "errors must be positive"),
    ],
)
def test_what_is_no_value_is_said_in_place(known, name, typed, said):
    shell = Shell(known)
    picture, state = shell.picture.value, known.state
    shell.inputs[name].value = typed
    assert re.search(said, "".join(Elements(shell.message.value).texts))
    assert 'role="alert"' in shell.message.value
    assert shell.picture.value == picture and known.state == state
    shell.sliders["mu_scale"].value = 3.0  # and it goes on
    assert shell.message.value == "" and shell.picture.value != picture


def test_a_known_sd_is_typed_and_taken_back(known):
    shell, state = Shell(known), known.state
    shell.inputs["errors[MATH]"].value = "2"
    assert known.state["errors"] == {"MATH": (2,)}
    assert numbers_in(shell.picture.value)["theta[MATH]"] != numbers_in(known.reset().frame())["theta[MATH]"]
    shell = Shell(known)
    shell.inputs["errors[MATH]"].value = "2"
    shell.inputs["errors[MATH]"].value = ""
    assert known.state == state


def test_the_last_value_is_not_deleted(known):
    shell = Shell(known)
    for group in ROWS:
        shell.inputs[f"data[{group}]"].value = ""
    assert "at least 1 value" in shell.message.value
    assert sum(map(len, known.state["data"].values())) == 1


def test_data_are_edited_in_their_boxes(known):
    shell = Shell(known)
    shell.inputs["data[MATH]"].value = "20 22;24"
    assert known.state["data"]["MATH"] == (20, 22, 24)
    (added,) = [box for box in shell.tables["data"].children if box.description == "new group"]
    added.value = "<script>alert(1)</script>"
    shell.inputs["data[<script>alert(1)</script>]"].value = "5"
    assert known.state["data"]["<script>alert(1)</script>"] == (5,)
    for text in (shell.picture.value, known.frame()):
        assert not Elements(text).of("script")
        assert any("<script>" in said for said in Elements(text).texts)


def hands(text: str) -> list[tuple[dict, dict]]:
    """Markers that can be dragged, each with its place in px."""
    found = Elements(text).found
    return [(one, other) for (_, one), (_, other) in pairwise(found) if one.get("class") == "hand"]


def test_each_value_can_be_dragged_from_where_it_is_drawn(known):
    """The marker in px and the axes that a script reads give the value back."""
    text = known.frame()
    axes = [each["data-axes"] for each in Elements(text).of("svg") if "data-axes" in each][1]  # of theta
    left, right, low, high, *_ = map(float, axes.split())
    values = {(marker["data-x"], int(marker["data-place"])): float(circle["cx"]) for marker, circle in hands(text)}
    assert set(values) == {(group, place) for group, cell in ROWS.items() for place in range(len(cell))}
    for (group, place), x in values.items():
        assert low + (x - left) / (right - left) * (high - low) == pytest.approx(ROWS[group][place], abs=0.015)


def test_what_is_dragged_is_in_the_table_and_in_the_model(known):
    shell = Shell(known)
    shell.dragged.value = '[["ENGLISH", 1, 12.5]]'
    assert known.state["data"] == {**{group: tuple(cell) for group, cell in ROWS.items()}, "ENGLISH": (-16, 12.5, -14)}
    assert shell.inputs["data[ENGLISH]"].value == "-16, 12.5, -14"
    expected = gb.explore({**ROWS, "ENGLISH": [-16, 12.5, -14]}, sigma=15, mu_scale=10, tau_scale=10)
    assert numbers_in(shell.picture.value) == numbers_in(expected.frame())
    assert "a value of ENGLISH went from -15 to 12.5: theta[ENGLISH] moved most" in known.picture.sentence
    shell.dragged.value = '[["MATH", 1, 2]]'
    assert re.search(r"data\[MATH\] must have the value", "".join(Elements(shell.message.value).texts))


def test_two_explorers_share_nothing():
    one, other = gb.explore(ROWS, tau_scale=3), gb.explore(ROWS, tau_scale=3)
    shells = Shell(one), Shell(other)
    before = shells[1].picture.value
    shells[0].sliders["tau_scale"].value = 30.0
    assert shells[1].picture.value == before and other.state["tau_scale"] == 3


def test_it_displays_itself(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    explorer = gb.explore(ROWS, "complete_pooling")
    explorer._ipython_display_()
    (root,) = shown
    assert explorer.picture.html() in [each.value for each in root.children[1].children]


def test_buttons(known):
    shell = Shell(known)
    first = numbers_in(shell.picture.value)
    shell.buttons["preset"].value = "two groups"
    assert set(shell.inputs) >= {"data[A]", "data[B]"} and "data[MATH]" not in shell.inputs
    shell.buttons["Reset"].click()
    assert numbers_in(shell.picture.value) == first and "data[MATH]" in shell.inputs
    shell.buttons["Copy code"].click()
    assert shell.out.value == known.code() and shell.out.layout.display == ""
    shell.buttons["Save SVG"].click()
    (link,) = Elements(shell.message.value).of("a")
    assert link["download"] == "explorer.svg" and link["href"].startswith("data:image/svg+xml;base64,")


def test_play_goes_from_one_end_to_the_other(known):
    shell = Shell(known)
    player, slider = shell.inputs["play tau_scale"], shell.sliders["tau_scale"]
    assert not player.playing
    player.value = player.max
    assert slider.value == pytest.approx(10**slider.max)
    player.value = player.min
    assert slider.value == pytest.approx(10**slider.min)


# --- axes and ghosts --------------------------------------------------------------------------------------------------


def grid_lines(text: str) -> list[str]:
    return [each["x1"] for each in Elements(text).of("line") if each.get("class") == "grid"]


def test_axes_hold_still_until_they_are_rescaled(known):
    first = grid_lines(known.frame())
    known.set(tau_scale=0.1)
    assert grid_lines(known.frame()) == first
    known.rescale()
    assert grid_lines(known.frame()) != first


def test_an_area_that_leaves_the_axes_ends_on_its_base():
    """theta of a group, far wider than its panel: what is filled has the base as its lower edge, outside of the panel."""
    text = gb.explore({"A": [4, 9], "B": [30]}, "no_pooling", sigma=15, theta_scale=100).frame()
    filled = [each for each in Elements(text).of("path") if "fill-opacity" in each]
    assert len(filled) == 3
    for each in filled:
        numbers = [float(x) for x in re.findall(r"-?[\d.]+", each["d"])]
        x, y = np.cumsum(np.reshape(numbers, (-1, 2)), axis=0).T
        assert y[0] == pytest.approx(y[-1], abs=0.2) and y.max() == pytest.approx(y[0], abs=0.2)
        assert x[0] == pytest.approx(x[1], abs=0.1) and x[0] < 110 and x[-1] > 392


def test_values_beyond_the_axes_are_said(known):
    known.set(data={**ROWS, "MATH": [47]})
    assert "beyond its axis: rescale" in known.picture.sentence
    assert "beyond" not in known.rescale().picture.sentence


def test_the_last_state_stays_as_a_ghost(known):
    def ghosts() -> int:
        return sum(each.get("class") == "last" for each in Elements(known.frame()).of("path"))

    assert ghosts() == 0 and "last" not in Elements(known.frame()).texts
    known.set(tau_scale=3)
    assert "last" in Elements(known.frame()).texts
    assert ghosts() == 6  # mu, tau, and theta of four rows


def test_ticks_are_round_and_few():
    assert ticks(-0.03, 0.11) == [0, 0.05, 0.1]
    for low, high in [(-0.03, 0.11), (0, 1), (-128, 77), (1e6, 1e6 + 3), (0, 3e-7)]:
        found = ticks(low, high)
        assert 2 <= len(found) <= 5 and min(found) >= low and max(found) <= high


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_page_holds_all_frames_and_needs_nothing(known, tmp_path):
    path = tmp_path / "lecture.html"
    assert known.save_html(path, over=("tau_scale", "mu_scale"), positions=4) == 16
    text = path.read_text(encoding="utf-8")
    page = Elements(text)
    assert not re.search(r"https?:|//[a-z]|@import|url\(", text) and len(text) < 5e6
    assert not page.of("link") and all("src" not in each for _, each in page.found)
    inputs, labels = page.of("input"), page.of("label")
    assert [each["type"] for each in inputs] == ["range", "range"]
    assert [each["for"] for each in labels] == [each["id"] for each in inputs]
    data = json.loads(re.search(r'id="frames">(.*?)</script>', text, re.S)[1])
    assert len(data["frames"]) == 16
    for index, frame in enumerate(data["frames"]):
        tau, mu = (float(data["positions"][i][k]) for i, k in enumerate(divmod(index, 4)))
        known.reset().set(tau_scale=tau, mu_scale=mu)
        assert json.loads(frame["numbers"]) == numbers_in(known.frame())
        assert all(parts and max(parts) < len(data["parts"]) for parts in frame["panels"])
        assert f"tau_scale {tau:.4g}" in frame["label"]


def test_equal_elements_of_frames_are_held_once(known, tmp_path):
    known.save_html(tmp_path / "page.html", positions=5)
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    data = json.loads(re.search(r'id="frames">(.*?)</script>', text, re.S)[1])
    assert len(set(data["parts"])) == len(data["parts"])
    used = sum(len(parts) for frame in data["frames"] for parts in frame["panels"])
    assert len(data["parts"]) < used / 2


def test_a_page_that_would_be_too_large_is_refused(known, monkeypatch, tmp_path):
    monkeypatch.setattr("gridbayes.explorers.page.LARGEST", 30_000)
    with pytest.raises(ValueError, match=r"larger than 0.03 MB: 25 frames.*positions=3.*over=\('tau_scale',\)"):
        known.save_html(tmp_path / "page.html", over=("tau_scale", "mu_scale"), positions=5)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("over", [("data",), ("mu_scale", "tau_scale", "sigma"), ("tau_scale", "tau_scale"), ("x",)])
def test_a_page_is_over_one_or_two_sliders(known, over, tmp_path):
    with pytest.raises(ValueError, match="one or two of the sliders mu_scale, tau_scale, sigma"):
        known.save_html(tmp_path / "page.html", over=over)


def test_a_page_shows_a_group_named_script(tmp_path):
    explorer = gb.explore(dict(zip(["</script><script>alert(1)</script>", "B", "C"], ROWS.values(), strict=True)))
    explorer.save_html(tmp_path / "page.html", positions=2)
    assert len(Elements((tmp_path / "page.html").read_text(encoding="utf-8")).of("script")) == 2


def test_a_picture_is_kept(known, tmp_path):
    known.save_svg(tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8") == known.frame()


# --- doors ------------------------------------------------------------------------------------------------------------


def test_a_refused_move_moves_nothing(known):
    state = known.state
    with pytest.raises(ValueError, match="no control 'tau'; |no control 'tau' here"):
        known.set(tau=3)
    with pytest.raises(ValueError, match="tau_prior must be one of half-Cauchy"):
        known.set(tau_scale=3, tau_prior="flat")
    assert known.state is state


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"model": "magic"}, ValueError, "model must be one of complete_pooling, .*, or a gridbayes.memo"),
        ({"sigma": gb.HalfNormal(3)}, TypeError, r"HalfCauchy\(scale\)"),
        ({"y": {"A": [1, 2]}, "sigma": {"A": [1, 2]}}, ValueError, "sigma must be one a group here; A has several"),
        ({"y": {}}, ValueError, "data must hold at least one value"),
        ({"tau_scale": -1}, ValueError, "tau_scale must be from"),
    ],
)
def test_explore_says_what_it_takes(arguments, error, said):
    with pytest.raises(error, match=said):
        gb.explore(**arguments)


def test_controls_check_what_they_take():
    with pytest.raises(ValueError, match="a must be one of x, y; a is 'z'"):
        Choice("a", "A", ("x", "y"), "x").read("z")
    with pytest.raises(TypeError, match="must be numbers by group; data is 3"):
        Table("data", "Data", {}).read(3)
    slider = Slider("n", "N", 1, 5, 3, whole=True)
    assert slider.positions(41) == [1, 2, 3, 4, 5] and isinstance(slider.read("4"), int)
    assert Slider("s", "S", 0.1, 10, 1, log=True).positions(3) == [0.1, 1, 10]
