"""The ipywidgets of an explorer: any subject's controls, its picture, and what is said when a value is none.

A move is drawn before the next message is read, and the browser holds back all but the last of the moves that it makes
meanwhile: none queue up. All widgets are made anew for each display, so two explorers share nothing.
"""

import base64
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import numpy as np

from gridbayes.explorers.controls import Choice, Control, Slider, State, Table, text_of
from gridbayes.explorers.dragging import INPUT, ROOT, dragged
from gridbayes.explorers.svg import escaped

if TYPE_CHECKING:
    from gridbayes.explorers.explorer import Explorer

__all__ = ["REFUSED", "Shell", "widget_of"]

REFUSED = (ValueError, TypeError, ArithmeticError, MemoryError)  # what a bad value raises: said in place
STEPS = 200  # of a slider from end to end
FRAMES = 41  # of a play from end to end
WIDE = widgets.Layout(width="auto", min_width="0")  # as wide as its column, margins included
BOX = {"style": {"description_width": "110px"}}


class Shell:
    """The widgets of one explorer.

    Parameters
    ----------
    inputs : of each control, by name, the widget that holds its value.
    picture, message : where the frame and complaints are written.
    root : what is displayed.
    """

    def __init__(self, explorer: "Explorer"):
        self.explorer, self._busy, self._first = explorer, False, explorer.state
        self.picture, self.message = widgets.HTML(layout=WIDE), widgets.HTML(layout=WIDE)
        self.sliders: dict[str, Any] = {}
        self.inputs: dict[str, Any] = {}
        self.tables: dict[str, widgets.VBox] = {}
        rows = {control.name: self._row(control) for control in explorer.subject.controls}
        seen = [rows[control.name] for control in explorer.subject.controls if not control.more]
        more = [rows[control.name] for control in explorer.subject.controls if control.more]
        self.play = self._play()
        self.buttons = self._buttons()
        self.out = widgets.Textarea(
            description="Code", layout=widgets.Layout(width="auto", height="160px", display="none")
        )
        fold = widgets.Accordion([widgets.VBox([*more, *self.play])], titles=("More",), selected_index=None)
        hand = widgets.VBox(
            [
                *seen,
                fold,
                widgets.HBox(list(self.buttons.values()), layout=widgets.Layout(flex_flow="row wrap")),
                self.out,
            ],
            layout=widgets.Layout(flex="1 1 320px", min_width="0", max_width="420px"),
        )
        self.dragged = widgets.Text(description="dragged value", layout=widgets.Layout(display="none"))
        self.dragged.add_class(INPUT)
        self.dragged.observe(lambda change: self._act(lambda: self._drag(change["new"])), "value")
        shown = widgets.VBox([self.message, self.picture], layout=widgets.Layout(flex="3 1 360px", min_width="0"))
        self.root = widgets.HBox(
            [hand, shown, self.dragged], layout=widgets.Layout(flex_flow="row wrap", align_items="flex-start")
        )
        self.root.add_class(ROOT)
        self._show()

    # --- controls ---------------------------------------------------------------------------------------------------

    def _row(self, control: Control) -> widgets.Widget:
        label = widgets.HTML(f"<b>{escaped(control.label)}</b>")
        if isinstance(control, Slider):
            return widgets.VBox([label, self._slider(control)])
        if isinstance(control, Table):
            self.tables[control.name] = widgets.VBox([])
            self._fill(control)
            return widgets.VBox([label, self.tables[control.name]])
        if isinstance(control, Choice):
            made = widgets.Dropdown(options=control.options, description=control.name, layout=WIDE, **BOX)
        else:
            made = widgets.Checkbox(description=control.label, indent=False)
        self.inputs[control.name] = made
        made.observe(lambda change: self._move({control.name: change["new"]}), "value")
        return widgets.VBox([label, made]) if isinstance(control, Choice) else made

    def _slider(self, control: Slider) -> widgets.Widget:
        """A slider, and a box with the same number, whose name a screen reader reads."""
        box = widgets.Text(
            description=control.name, continuous_update=False, layout=widgets.Layout(width="200px"), **BOX
        )
        bare: dict[str, Any] = {
            "readout": False,
            "layout": widgets.Layout(flex="1 1 110px", min_width="0", margin="2px 12px 2px 8px"),
        }
        if control.log:
            low, high = np.log10([control.low, control.high])
            made = widgets.FloatLogSlider(min=low, max=high, step=(high - low) / STEPS, value=control.start, **bare)
        elif control.whole:
            made = widgets.IntSlider(min=int(control.low), max=int(control.high), value=int(control.start), **bare)
        else:
            step = (control.high - control.low) / STEPS
            made = widgets.FloatSlider(min=control.low, max=control.high, step=step, value=control.start, **bare)
        self.sliders[control.name], self.inputs[control.name] = made, box
        made.observe(lambda change: self._slid(control, change["new"]), "value")
        box.observe(lambda change: self._move({control.name: change["new"]}), "value")
        return widgets.HBox([box, made], layout=widgets.Layout(flex_flow="row wrap"))

    def _fill(self, control: Table) -> None:
        """A text box a group, and one for the name of another group."""
        table, name = self.explorer.state[control.name], control.name
        groups = self._groups(control)
        cells = {
            group: widgets.Text(description=group, continuous_update=False, layout=WIDE, **BOX) for group in groups
        }
        for group, cell in cells.items():
            cell.value = text_of(table.get(group, ()))
            cell.observe(lambda _, cells=cells: self._move({name: self._typed(cells)}), "value")
        inside: list[widgets.Widget] = list(cells.values())
        if name == "data" and not control.fixed:
            added = widgets.Text(
                description="new group", placeholder="its name", continuous_update=False, layout=WIDE, **BOX
            )
            added.observe(lambda change: self._move({name: {**self._typed(cells), change["new"]: ()}}), "value")
            inside.append(added)
        others = {key: box for key, box in self.inputs.items() if not key.startswith(f"{name}[")}
        self.inputs = others | {f"{name}[{group}]": cell for group, cell in cells.items()}
        self.tables[name].children = inside

    def _groups(self, control: Table) -> tuple[str, ...]:
        """Of the data, which other tables follow."""
        return tuple(self.explorer.state.get("data", self.explorer.state[control.name]))

    @staticmethod
    def _typed(cells: Mapping[str, widgets.Text]) -> dict[str, str]:
        return {group: cell.value for group, cell in cells.items()}

    def _play(self) -> list[widgets.Widget]:
        """One player for each slider that plays, at rest until it is pressed."""
        found: list[widgets.Widget] = []
        for control in self.explorer.subject.controls:
            if isinstance(control, Slider) and control.name in self.explorer.subject.play:
                steps = control.positions(FRAMES)
                player = widgets.Play(min=0, max=len(steps) - 1, value=0, interval=150)
                self.inputs[f"play {control.name}"] = player
                player.observe(
                    lambda change, name=control.name, steps=steps: self._move({name: steps[change["new"]]}), "value"
                )
                found += [widgets.HTML(f"<b>Play {escaped(control.label.lower())}</b>"), player]
        return found

    def _buttons(self) -> dict[str, Any]:
        row = widgets.Layout(flex="1 1 100%", width="auto", min_width="0")
        presets = widgets.Dropdown(options=("", *self.explorer.presets), description="preset", layout=row, **BOX)
        presets.observe(
            lambda change: change["new"] and self._act(lambda: self.explorer.preset(change["new"])), "value"
        )
        actions: dict[str, Callable[[], object]] = {
            "Reset": self.explorer.reset,
            "Rescale": self.explorer.rescale,
            "Copy code": self._copy,
            "Save SVG": self._save,
        }
        made: dict[str, Any] = {"preset": presets}
        for name, action in actions.items():
            made[name] = widgets.Button(description=name, layout=widgets.Layout(width="auto"))
            made[name].on_click(lambda _, action=action: self._act(action))
        return made

    # --- what happens -----------------------------------------------------------------------------------------------

    def _move(self, changes: Mapping[str, Any]) -> None:
        if not self._busy:
            self._act(lambda: self.explorer.set(**changes))

    def _drag(self, written: str) -> None:
        """A hand drags a value in the picture; the table shows it, and is where a keyboard does the same."""
        self.explorer.set(data=dragged(self.explorer.state["data"], written))

    def _slid(self, control: Slider, value: float) -> None:
        """The hand is at a step, which stands for the present value or the first where that is nearest to it.

        A browser that is told a value between two steps sends back the nearest step: that is no move.
        """
        at = _step(control, value)
        if at != _step(control, self.explorer.state[control.name]):
            first = self._first[control.name]
            self._move({control.name: first if at == _step(control, first) else float(f"{value:.4g}")})

    def _act(self, action: Callable[[], object]) -> None:
        """Do it and draw; where it is refused, say so and keep the picture and all that is typed.

        What an action returns as text is said too.
        """
        try:
            said = action()
        except REFUSED as error:
            self.message.value = f'<p role="alert" class="gb-message"><b>{escaped(error)}</b></p>'
            return
        self.message.value = said if isinstance(said, str) else ""
        self._show()

    def _show(self) -> None:
        """Write the frame, and set every control to the state, without a move."""
        self.picture.value = self.explorer.picture.html()
        self._busy = True
        try:
            for control in self.explorer.subject.controls:
                self._set(control, self.explorer.state)
        finally:
            self._busy = False
        self.out.value = self.explorer.code() if self.out.layout.display != "none" else self.out.value

    def _set(self, control: Control, state: State) -> None:
        value = state[control.name]
        if isinstance(control, Table):
            cells = self.tables[control.name].children
            names = tuple(cell.description for cell in cells if cell.description != "new group")
            if names != self._groups(control):
                self._fill(control)
                return
            for group in names:
                self.inputs[f"{control.name}[{group}]"].value = text_of(value.get(group, ()))
        elif isinstance(control, Slider):
            self.inputs[control.name].value = f"{value:.6g}"
            slider = self.sliders[control.name]
            if _step(control, slider.value) != _step(control, value):
                slider.value = min(max(value, control.low), control.high)
        else:
            self.inputs[control.name].value = value

    def _copy(self) -> None:
        """Show the code, ready to be copied: a page may not write to the clipboard unasked."""
        self.out.layout.display = ""
        self.out.value = self.explorer.code()

    def _save(self) -> str:
        """A link to the picture: the browser keeps it where the user wants."""
        text = base64.b64encode(self.explorer.frame().encode()).decode()
        return f'<p><a download="explorer.svg" href="data:image/svg+xml;base64,{text}">Keep explorer.svg</a></p>'


def widget_of(explorer: "Explorer") -> widgets.Widget:
    """What an explorer displays."""
    return Shell(explorer).root


def _step(control: Slider, value: float) -> int:
    """The number of a slider's step nearest to a value; those beyond an end are at that end."""
    value = min(max(value, control.low), control.high)
    if control.whole:
        return round(value)
    low, high, at = (math.log(x) if control.log else x for x in (control.low, control.high, value))
    return round(STEPS * (at - low) / (high - low))
