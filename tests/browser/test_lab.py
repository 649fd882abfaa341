"""The explorer of learned sigma in JupyterLab, as a student opens it: a notebook, Shift+Enter, a hand on the controls."""

import pytest
from chromium import label_of, laboratory, numbers_of, run_cell
from playwright.sync_api import expect

import gridbayes as gb

ROWS = {"GOVERNMENT": [-10, 1, 11], "ENGLISH": [-16, -15, -14], "MATH": [30]}
SOURCE = f"import gridbayes as gb\n\ngb.explore({ROWS}, 'learned_sigma')\n"


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    with laboratory({"learned": SOURCE}, tmp_path_factory.mktemp("lab")) as address:
        yield run_cell(browser, address("learned"), ".gb-explorer [role=img]", viewport={"width": 1280, "height": 1100})


@pytest.fixture
def shown(page):
    root = page.locator(".gb-explorer")
    root.get_by_role("button", name="Reset").click()
    expect(root.locator("path.last")).to_have_count(0)
    return root


def test_the_numbers_are_those_of_the_direct_call(shown):
    """Grids of the explorer against automatic ones; of one value, MATH's sigma has no mean."""
    post = gb.partial_pooling(ROWS, sigma=gb.HalfCauchy(5), mu_scale=5, tau_scale=5)
    stated = numbers_of(shown)
    for label, marginal in post.rows:
        if not label.startswith("sigma"):
            assert stated[label][0] == pytest.approx(marginal.mean, abs=0.025 * marginal.sd)


@pytest.mark.parametrize(("place", "name"), list(enumerate(["mu_scale", "tau_scale", "sigma_scale"])))
def test_a_slider_moves_the_picture_and_brings_it_back(shown, place, name):
    label, numbers, image = label_of(shown), numbers_of(shown), shown.locator("[role=img]").screenshot()
    handle, picture = shown.locator(".noUi-handle").nth(place), shown.locator("[role=img]")
    handle.press("ArrowRight")
    expect(picture).not_to_have_attribute("aria-label", label)
    assert numbers_of(shown) != numbers and picture.screenshot() != image
    assert shown.get_by_role("textbox", name=name).input_value() != "5"
    handle.press("ArrowLeft")
    expect(picture).to_have_attribute("aria-label", label)
    assert numbers_of(shown) == numbers


def test_a_value_is_dragged_in_the_picture(shown):
    hand, label, mouse = shown.locator('.hand[data-x="MATH"]'), label_of(shown), shown.page.mouse
    hand.scroll_into_view_if_needed()
    box = hand.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 10, y)
    expect(shown.locator("[role=img]")).not_to_have_attribute("aria-label", label)
    part = float(shown.get_by_role("textbox", name="MATH").input_value())
    mouse.move(x - 40, y, steps=4)
    mouse.up()
    expect(shown.locator(".sentence")).to_contain_text("a value of MATH went from")
    expect(shown.get_by_role("textbox", name="MATH")).not_to_have_value(f"{part:g}")
    assert float(shown.get_by_role("textbox", name="MATH").input_value()) < part < 30


def test_the_snapshot_names_every_control_and_states_the_picture(shown):
    snapshot = shown.aria_snapshot()
    for name in (*ROWS, "mu_scale", "tau_scale", "sigma_scale"):
        assert f'textbox "{name}"' in snapshot
    assert 'combobox "tau_prior"' in snapshot and 'img "Partial pooling, sigma learned by each group with' in snapshot
