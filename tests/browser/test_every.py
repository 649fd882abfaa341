"""An explorer of each kind in Voila, all on one page of one kernel: every control moves the picture and brings it back."""

from collections.abc import Callable
from pathlib import Path

import every
import pytest
from chromium import label_of, numbers_of, opened, served
from looks import brightness, look
from playwright.sync_api import expect

from gridbayes.explorers.controls import Choice, Slider, Switch, Table

FOLDER = Path(__file__).parent
SERVE = "import sys; from gridbayes.app import serve; serve(sys.argv[1], False)"
SOURCE = f"""\
import sys
sys.path.insert(0, {str(FOLDER)!r})
from IPython.display import display
from every import EXPLORERS
for made in EXPLORERS.values():
    display(made())
"""
NAMES = list(every.EXPLORERS)
EACH = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def explorers():
    """The same, in this process: what the direct calls are of."""
    return {name: made() for name, made in every.EXPLORERS.items()}


@pytest.fixture(scope="module")
def page(browser, tmp_path_factory):
    with served("-c", SERVE, SOURCE, cwd=tmp_path_factory.mktemp("every")) as (_, address):
        page = opened(browser, address, viewport={"width": 1280, "height": 800})
        page.locator(".gb-explorer").nth(len(NAMES) - 1).wait_for()
        yield page


@pytest.fixture
def shown(page, name):
    """The explorer of that name, with all of its controls in sight, in its first state."""
    root = page.locator(".gb-explorer").nth(NAMES.index(name))
    if not root.locator(".widget-play").first.is_visible():
        root.get_by_text("More", exact=True).click()
        root.locator(".widget-play").first.wait_for()
    root.get_by_role("button", name="Reset").click()
    expect(root.locator("path.last")).to_have_count(0)
    return root


def moved(root, action) -> str:
    """The label after an action that changes the picture."""
    label = label_of(root)
    action()
    expect(root.locator("[role=img]")).not_to_have_attribute("aria-label", label)
    return label_of(root)


def typed(box, text: str) -> None:
    box.fill(text)
    box.press("Enter")


def there_and_back(root, control, state, place: int) -> tuple[Callable, Callable]:
    """Two actions on a control, the second of which undoes the first; `place` is a slider's."""
    if isinstance(control, Slider):
        handle = root.locator(".noUi-handle").nth(place)
        keys = ("ArrowLeft", "ArrowRight") if control.whole else ("ArrowRight", "ArrowLeft")
        return lambda: handle.press(keys[0]), lambda: handle.press(keys[1])
    if isinstance(control, Choice):
        box = root.get_by_role("combobox", name=control.name)
        other = next(option for option in control.options if option != control.start)
        return lambda: box.select_option(other), lambda: box.select_option(control.start)
    if isinstance(control, Switch):
        box = root.get_by_role("checkbox", name=control.label)
        return box.check, box.uncheck
    group = next(iter(state["data"]))  # other tables have a box for each group of the data, after those
    box = root.get_by_role("textbox", name=group, exact=True).nth(int(control.name != "data"))
    old = box.input_value()
    new = old.replace("1", "1.7", 1) if control.fixed else f"{old} 1.7"
    return lambda: typed(box, new), lambda: typed(box, old)


@EACH
def test_the_numbers_are_those_of_the_direct_call(explorers, name, shown):
    shown.get_by_role("button", name="Copy code").click()
    box = shown.get_by_role("textbox", name="Code")
    expect(box).to_have_value(explorers[name].code())
    names = {"coin": every.coin, "grids": {"P": every.gb.gauss_legendre(0, 1)}}
    exec(box.input_value(), names)
    stated = numbers_of(shown)
    for label, marginal in names["post"].rows:
        if label == "sigma[a new group]":  # of a group without values: the prior, and not in the picture
            continue
        expected = [marginal.mean, marginal.sd, *map(float, marginal.eti() if len(stated[label]) > 2 else [])]
        assert stated[label] == pytest.approx(expected, rel=1e-9)


@EACH
def test_every_control_moves_the_picture_and_brings_it_back(explorers, name, shown):
    first, numbers, place = label_of(shown), numbers_of(shown), 0
    for control in explorers[name].subject.controls:
        there, back = there_and_back(shown, control, explorers[name].state, place)
        moved(shown, there)
        assert numbers_of(shown) != numbers or isinstance(control, Switch)  # a map shows what is there already
        back()
        expect(shown.locator("[role=img]")).to_have_attribute("aria-label", first)
        assert numbers_of(shown) == numbers
        place += isinstance(control, Slider)


@EACH
def test_the_snapshot_names_every_control_and_states_the_picture(explorers, name, shown):
    snapshot, explorer = shown.aria_snapshot(), explorers[name]
    for control in explorer.subject.controls:
        if isinstance(control, Table):
            assert all(f'textbox "{group}"' in snapshot for group in control.start)
        else:
            role = {Slider: "textbox", Choice: "combobox", Switch: "checkbox"}[type(control)]
            assert f'{role} "{control.label if role == "checkbox" else control.name}"' in snapshot
    for role in ('combobox "preset"', *(f'button "{each}"' for each in ("Reset", "Rescale", "Copy code", "Save SVG"))):
        assert role in snapshot
    assert f'img "{explorer.picture.label[:60]}' in snapshot
    for label, row in list(numbers_of(shown).items())[:2]:
        assert f"{label} {row[0]:.3g}" in snapshot


@pytest.mark.parametrize("name", ["complete", "no", "partial", "learned", "normal", "regression", "grid"])
def test_a_value_is_dragged_in_the_picture_and_typed_back(explorers, name, shown):
    """The marker follows the pointer; the table has the value, and by keyboard it returns."""
    hand = shown.locator(".hand").last
    group, place = hand.get_attribute("data-x"), int(hand.get_attribute("data-place"))
    hand.scroll_into_view_if_needed()
    box = hand.bounding_box()
    x, y, old, first = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, numbers_of(shown), label_of(shown)
    cells = [shown.get_by_role("textbox", name=each, exact=True).first for each in explorers[name].state["data"]]
    texts, mouse = [cell.input_value() for cell in cells], shown.page.mouse
    mouse.move(x, y)
    mouse.down()
    mouse.move(x - 10, y)
    expect(shown.locator("[role=img]")).not_to_have_attribute("aria-label", first)
    mouse.move(x - 30, y, steps=4)  # the picture under the pointer is another one now
    mouse.up()
    followed = """([root, hand, x]) => {
        const box = root.querySelector(hand).getBoundingClientRect();
        return Math.abs(box.x + box.width / 2 - x) < 3;
    }"""
    hand = f'.hand[data-x="{group}"][data-place="{place}"]'
    shown.page.wait_for_function(followed, arg=[shown.element_handle(), hand, x - 30])
    assert numbers_of(shown) != old
    assert [cell.input_value() for cell in cells] != texts
    for cell, text in zip(cells, texts, strict=True):
        if cell.input_value() != text:
            typed(cell, text)
    expect(shown.locator("[role=img]")).to_have_attribute("aria-label", first)
    assert numbers_of(shown) == old


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 844)])
def test_nothing_is_cut_or_overlaps_and_text_is_large_enough(page, size, scheme):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.emulate_media(color_scheme=scheme)
    assert look(page) == []
    ground, ink = brightness(page)
    assert (ground < 150 < 600 < ink) if scheme == "dark" else (ink < 150 < 600 < ground)
