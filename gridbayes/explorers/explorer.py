"""What users hold: one state of an explorer, its frame, the code that makes the same call, and files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gridbayes.explorers.controls import State, start_of, state_of
from gridbayes.explorers.frame import Frame, frame_of
from gridbayes.explorers.page import page_of
from gridbayes.explorers.view import Subject, View

__all__ = ["Explorer"]


class Explorer:
    """A picture of a posterior that follows its controls.

    In Jupyter it displays itself, with sliders. Without a browser the same is `set` and `frame`:

    >>> import gridbayes as gb
    >>> explorer = gb.explore({"G": [1], "E": [-15], "M": [30]}, tau_scale=3)
    >>> explorer.set(tau_scale=30).state["tau_scale"]
    30.0
    >>> explorer.frame()[:4]
    '<svg'
    """

    def __init__(self, subject: Subject, **settings: Any):
        """`settings` are values of controls, by name."""
        self.subject = subject
        self._first = state_of(subject.controls, start_of(subject.controls), settings)
        self._take(self._first, subject.view(self._first), None)
        self._held = self._view

    def _take(self, state: State, view: View, before: tuple[State, View] | None) -> None:
        self._state, self._view, self._before = state, view, before

    @property
    def state(self) -> State:
        """The value of each control, by name."""
        return self._state

    def set(self, **controls: Any) -> "Explorer":
        """Move controls. Where a value is none, or the model refuses it, the error says why and nothing is moved.

        New groups of data take new axes; otherwise axes hold still until `rescale`.
        """
        return self._moved(state_of(self.subject.controls, self._state, controls))

    def preset(self, name: str) -> "Explorer":
        """Start anew from one of `presets`."""
        if name not in self.presets:
            raise ValueError(f"no preset {name!r} here; there are {', '.join(self.presets)}.")
        return self._begun(state_of(self.subject.controls, self._first, self.presets[name]))

    def reset(self) -> "Explorer":
        """Back to the first state."""
        return self._begun(self._first)

    def rescale(self) -> "Explorer":
        """Take axes that fit the present state."""
        self._held = self._view
        return self

    @property
    def presets(self) -> Mapping[str, Mapping[str, object]]:
        """Named settings to start from."""
        return self.subject.presets

    @property
    def picture(self) -> Frame:
        """The frame of the present state, its axes and its ghost."""
        return frame_of(self.subject, self._state, self._held, self._before, self._view)

    def frame(self) -> str:
        """The picture as one SVG document."""
        return self.picture.svg()

    def code(self) -> str:
        """Python text of the public call behind the present state; it calls the result `post`."""
        return self.subject.code(self._state)

    def save_svg(self, path: str | Path) -> None:
        """Write the picture to a file."""
        Path(path).write_text(self.frame(), encoding="utf-8")

    def save_html(self, path: str | Path, over: tuple[str, ...] | None = None, positions: int | None = None) -> int:
        """Write a page that moves without Python or network; returns the number of its frames.

        Parameters
        ----------
        over : one or two sliders that the page has; the others keep their present values. Left out, the first that plays.
        positions : of each slider: 41 of one, 15 of each of two.

        Raises
        ------
        ValueError
            When `over` names no slider, or the page would be larger than 5 MB.
        """
        text, frames = page_of(self.subject, self._state, over or self.subject.play[:1], positions)
        Path(path).write_text(text, encoding="utf-8")
        return frames

    def widget(self):
        """The ipywidgets of this explorer, a new set at each call, which moves this explorer."""
        from gridbayes.explorers.widget import widget_of

        return widget_of(self)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        display(self.widget())

    def __repr__(self) -> str:
        return f"Explorer({self.subject.title}; {', '.join(control.name for control in self.subject.controls)})"

    def _begun(self, state: State) -> "Explorer":
        self._take(state, self.subject.view(state), None)
        return self.rescale()

    def _moved(self, state: State) -> "Explorer":
        if state != self._state:
            view = self.subject.view(state)
            before = (self._state, self._view)
            same = [panel.rows for panel in view.panels] == [panel.rows for panel in self._view.panels]
            self._take(state, view, before if same else None)
            self._held = self._held if same else view
        return self
