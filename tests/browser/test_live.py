"""`gridbayes explore` in Chromium: each control moves the picture and brings it back; its numbers are the direct call's."""

import signal

import pytest
from chromium import label_of, numbers_of, opened, served, wait_for_label
from looks import look

import gridbayes as gb

ROWS = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}
CSV = "department,minutes\n" + "".join(f"{group},{value}\n" for group, values in ROWS.items() for value in values)
FIRST = "7 values in 3 groups, mu_scale 5, tau_scale 5, sigma 15, tau_prior half-Cauchy, mu_mean 0, arrived 7"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    (folder / "late.csv").write_text(CSV)
    options = ["explore", "late.csv", "--value", "minutes", "--group", "department", "--sigma", "15", "--no-browser"]
    with served("-m", "gridbayes", *options, cwd=folder) as found:
        yield found


@pytest.fixture(scope="module")
def shown(browser, server):
    return opened(browser, server[1], viewport={"width": 1280, "height": 800})


@pytest.fixture
def page(shown):
    """The explorer in its first state."""
    shown.get_by_role("button", name="Reset").click()
    wait_for_label(shown, FIRST)
    return shown


def picture(page) -> bytes:
    return page.locator("[role=img]").screenshot()


def typed(page, name: str, text: str) -> None:
    box = page.get_by_role("textbox", name=name, exact=True)
    box.fill(text)
    box.press("Enter")


def more(page) -> None:
    """Open what is out of sight at first."""
    if not page.get_by_role("textbox", name="arrived").is_visible():
        page.get_by_text("More").click()
        page.get_by_role("textbox", name="arrived").wait_for()


def test_the_numbers_are_those_of_the_direct_call(page):
    post = gb.partial_pooling(ROWS, sigma=15, mu_scale=5, tau_scale=5)
    stated = numbers_of(page)
    for label, marginal in post.rows:  # automatic grids: another path than the explorer's, so not to the last digit
        assert stated[label][0] == pytest.approx(marginal.mean, abs=5e-4 * marginal.sd)
        assert stated[label][1] == pytest.approx(marginal.sd, rel=7e-3)


@pytest.mark.parametrize(("place", "name"), list(enumerate(["mu_scale", "tau_scale", "sigma"])))
def test_a_slider_moves_the_picture_and_brings_it_back(page, place, name):
    label, numbers, image = label_of(page), numbers_of(page), picture(page)
    handle = page.locator(".noUi-handle").nth(place)
    handle.press("ArrowRight")
    page.wait_for_function("old => document.querySelector('[role=img]').ariaLabel != old", arg=label)
    assert numbers_of(page) != numbers and picture(page) != image
    handle.press("ArrowLeft")
    wait_for_label(page, FIRST)
    assert label_of(page) == label and numbers_of(page) == numbers
    page.get_by_role("button", name="Reset").click()  # takes away the ghost of the last state
    page.locator("path.last").first.wait_for(state="detached")
    assert picture(page) == image


@pytest.mark.parametrize(
    ("name", "text", "stated"),
    [("tau_scale", "7.3", "tau_scale 7.3,"), ("sigma", "12", "sigma 12,"), ("MATH", "20 22", "8 values in 3 groups")],
)
def test_a_box_takes_what_is_typed(page, name, text, stated):
    old = numbers_of(page)
    typed(page, name, text)
    wait_for_label(page, stated)
    page.wait_for_timeout(500)  # for a slider to send the step nearest to what was typed, which is no move
    assert stated in label_of(page) and numbers_of(page) != old


def test_all_other_controls_move_the_picture(page):
    more(page)
    page.get_by_role("combobox", name="tau_prior").select_option("uniform")
    wait_for_label(page, "tau_prior uniform")
    typed(page, "arrived", "2")
    wait_for_label(page, "arrived 2")
    typed(page, "mu_mean", "-20")
    wait_for_label(page, "mu_mean -20")
    panels = page.locator(".gb-panels > svg").count()
    page.get_by_role("checkbox", name="Map of mu and tau").check()
    wait_for_label(page, "joint True")
    assert page.locator(".gb-panels > svg").count() == panels + 1
    page.get_by_role("combobox", name="preset").select_option("two groups")
    wait_for_label(page, "4 values in 2 groups")


def test_nonsense_is_said_in_place_and_the_picture_stays(page):
    label = label_of(page)
    typed(page, "tau_scale", "lots")
    page.get_by_role("alert").get_by_text("tau_scale must be a number").wait_for()
    assert label_of(page) == label
    typed(page, "tau_scale", "6")
    wait_for_label(page, "tau_scale 6,")
    assert not page.get_by_role("alert").count()


def test_a_group_named_script_is_shown_and_never_run(page):
    ran = []
    page.once("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    typed(page, "new group", "<script>alert(1)</script><img src=x onerror=alert(2)>")
    wait_for_label(page, "in 4 groups")
    assert page.locator(".gb-panels text title", has_text="<script>alert(1)</script>").count()
    assert not ran


def test_the_code_makes_the_same_numbers(page):
    typed(page, "tau_scale", "11")
    wait_for_label(page, "tau_scale 11,")
    page.get_by_role("button", name="Copy code").click()
    box = page.get_by_role("textbox", name="Code")
    box.wait_for()
    names: dict = {}
    exec(box.input_value(), names)
    for label, marginal in names["post"].rows:
        expected = [marginal.mean, marginal.sd, *map(float, marginal.eti())]
        assert numbers_of(page)[label] == pytest.approx(expected, rel=1e-9)


def test_every_control_has_a_name(page):
    more(page)
    snapshot = page.locator("body").aria_snapshot()
    for name in (*ROWS, "new group", "mu_scale", "tau_scale", "sigma", "mu_mean", "arrived"):
        assert f'textbox "{name}"' in snapshot
    for role in ('combobox "tau_prior"', 'combobox "preset"', 'checkbox "Map of mu and tau"', "img"):
        assert role in snapshot
    for name in ("Reset", "Rescale", "Copy code", "Save SVG"):
        assert f'button "{name}"' in snapshot


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_cut_or_overlaps_and_text_is_large_enough(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_timeout(300)
    assert look(page) == []
    page.set_viewport_size({"width": 1280, "height": 800})


def test_an_interrupt_ends_it_cleanly(server, page):
    process, _ = server
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in errors
