"""The tool as an application of textual."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import App
from textual.widgets import Input

from review.screens.waiting import Waiting
from review.screens.work import Work


class Tool(App[None]):
    """The full-screen tool: the list, and whatever is opened from it."""

    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    CSS = "Deciding, Help { background: ansi_default; color: ansi_default; }"
    TITLE = "debmill review"

    def __init__(self, work: Work) -> None:
        super().__init__(ansi_color=True)  # known before NO_COLOR is looked at
        self.theme = "ansi-dark"  # the terminal's own colours
        self.animation_level = "none"  # links may be slow
        self.work = work

    def on_key(self, event: events.Key) -> None:
        """Give a letter to the field that is asked for now: of a burst of keys, all go to what had the focus before.

        Else letters of a filter that is typed quickly would be taken for keys that decide.
        """
        if isinstance(self.focused, Input) and event.is_printable and event.character:
            event.prevent_default()
            self.focused.insert_text_at_cursor(event.character)

    def get_default_screen(self) -> Waiting:
        """Begin with the list."""
        return Waiting(self.work)


def open_tool(work: Work) -> None:
    """Show the tool until it is left; a case that is open then is put back."""
    try:
        Tool(work).run()
    finally:
        work.held.free()
