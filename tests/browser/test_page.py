"""The page of `save_html` from a file, without a network: it moves, returns, and has the numbers of the direct call."""

import pytest
from chromium import label_of, numbers_of, opened, wait_for_label
from looks import brightness, look

import gridbayes as gb
from gridbayes.cli import main

SCHOOLS = gb.datasets.eight_schools()
CSV = "school,effect,error\n" + "".join(
    f"{school},{values[0]:g},{SCHOOLS.errors[school]:g}\n" for school, values in SCHOOLS.values.items()
)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """As the command line writes it, of eight schools."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "schools.csv").write_text(CSV)
    columns = ["--effect", "effect", "--se", "error", "--group", "school"]
    assert main(["explore", str(folder / "schools.csv"), *columns, "--html", str(folder / "page.html")]) == 0
    return folder / "page.html"


@pytest.fixture(scope="module")
def page(browser, file):
    return opened(browser, file.as_uri(), viewport={"width": 1280, "height": 800}, offline=True)


def test_the_slider_moves_the_picture_and_brings_it_back(page):
    """Only the ghost of the last position stays, and its key."""
    page.add_style_tag(content=".last, .ghost-key { visibility: hidden !important }")
    slider, image = page.get_by_role("slider"), page.locator("[role=img]").screenshot()
    label, numbers = label_of(page), numbers_of(page)
    slider.press("ArrowRight")
    assert label_of(page) != label and numbers_of(page) != numbers
    assert page.locator("[role=img]").screenshot() != image
    slider.press("ArrowLeft")
    assert label_of(page) == label and numbers_of(page) == numbers
    assert page.locator("[role=img]").screenshot() == image


@pytest.mark.parametrize("key", ["Home", "End"])
def test_at_both_ends_the_numbers_are_those_of_the_direct_call(page, key):
    """tau's prior from narrow to wide; grids of the page against automatic ones."""
    page.get_by_role("slider").press(key)
    scale = float(page.locator("output").text_content())
    wait_for_label(page, f"tau_scale {scale:.4g}")
    post = gb.partial_pooling(SCHOOLS.values, sigma=SCHOOLS.errors, mu_scale=5, tau_scale=scale)
    for label, marginal in post.rows:
        assert numbers_of(page)[label][0] == pytest.approx(marginal.mean, abs=4e-3 * marginal.sd)


def test_the_slider_has_a_name_and_says_its_value(page):
    snapshot = page.locator("body").aria_snapshot()
    assert 'slider "Scale of the prior of tau (tau_scale)"' in snapshot and 'img "Partial pooling' in snapshot
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-valuetext") == page.locator("output").text_content()


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_cut_or_overlaps_and_text_is_large_enough(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for key in ("Home", "End"):
        page.get_by_role("slider").press(key)
        assert look(page) == []


def test_dark_mode_is_dark(page):
    page.emulate_media(color_scheme="dark")
    ground, ink = brightness(page)
    assert ground < 150 < 600 < ink
    page.emulate_media(color_scheme="light")
    ground, ink = brightness(page)
    assert ink < 150 < 600 < ground


def test_the_last_position_stays_as_a_ghost(browser, file):
    """The density that was drawn, as high as it was on the axis of now, which is another's."""
    page = opened(browser, file.as_uri(), viewport={"width": 1280, "height": 800}, offline=True)
    panel, slider, key = page.locator(".gb-panels > svg").last, page.get_by_role("slider"), page.locator(".ghost-key")

    def peak(kind: str) -> float:
        """Of tau's density, in the axis's unit and in px of a panel."""
        span = float(panel.locator("[data-axes]").get_attribute("data-axes").split()[7])
        return span * panel.locator(f"path.{kind}").evaluate("path => path.getBoundingClientRect().height")

    slider.press("Home")
    slider.press("ArrowRight")
    first = peak("stays")
    slider.press("ArrowRight")
    assert peak("last") == pytest.approx(first, rel=5e-3) and peak("stays") < 0.99 * first
    assert key.first.is_visible() and page.locator("path.last").count() == page.locator("path.stays").count()


def test_no_ghost_is_there_at_first(browser, file):
    page = opened(browser, file.as_uri(), offline=True)
    assert not page.locator("path.last").count() and not page.locator(".ghost-key").first.is_visible()
