"""The one widget that shows text: draws the rows that can be seen, and nothing else, however many there are."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from review.screens.lines import Line, Lines, Written, shown

SIDE, WHEEL = 20, 3  # columns and rows of one step
CURSOR = Style(reverse=True)


class Roll(Widget, can_focus=True):
    """Rows with a cursor. Only two of them are drawn anew when it moves within the screen: links may be slow."""

    DEFAULT_CSS = "Roll { height: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("down,j", "move(1)"),
        ("up,k", "move(-1)"),
        ("pagedown,ctrl+f", "page(1)"),
        ("pageup,b,ctrl+b", "page(-1)"),
        ("home,g", "go(0)"),
        ("end,G", "go(-1)"),
        ("right", "side(1)"),
        ("left", "side(-1)"),
        ("enter", "choose"),
    ]

    class Moved(Message):
        """The cursor is in another row."""

    class Chosen(Message):
        """Enter was pressed, or a row clicked on."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: Lines = Written([], 1)
        self.cursor = self.top = self.left = 0

    def show(self, lines: Lines, cursor: int = 0) -> None:
        """Show other lines."""
        self.lines, self.left = lines, 0
        self.put(cursor, anew=True)

    def put(self, row: int, *, anew: bool = False) -> None:
        """Put the cursor into a row, or the nearest there is."""
        before, top = self.cursor, self.top
        self.cursor = max(0, min(row, len(self.lines) - 1))
        height = max(1, self.size.height)
        self.top = min(max(self.top, self.cursor - height + 1), self.cursor)
        self.top = max(0, min(self.top, len(self.lines) - height))
        if anew or top != self.top:
            self.refresh()
        else:
            for one in {before, self.cursor}:
                self.refresh(Region(0, one - self.top, self.size.width, 1))
        self.post_message(self.Moved())

    def jump(self, row: int, *, above: int | None = None) -> None:
        """Go to a row from afar: so many rows above it are shown, a quarter of the screen if it is not said."""
        height = max(1, self.size.height)
        if above is not None or not self.top <= row < self.top + height:
            self.top = max(0, row - (height // 4 if above is None else above))
        self.put(row, anew=True)

    def here(self) -> Line | None:
        """Give the row of the cursor."""
        return self.lines.row(self.cursor) if len(self.lines) else None

    def render_line(self, y: int) -> Strip:
        """Draw a row of the screen."""
        width, row = self.size.width, self.top + y
        if row >= len(self.lines):
            return Strip.blank(width, Style.null())  # NO_COLOR wants a style everywhere
        line = self.lines.row(row)
        style = Style.parse(line.style) + (CURSOR if row == self.cursor and self.has_focus else Style())
        parts = () if self.app.no_color else line.parts
        pieces = [Segment(shown(text), style + Style.parse(look)) for text, look in parts or ((line.text, ""),)]
        return Strip(pieces).crop_extend(self.left, self.left + width, style)

    def action_move(self, rows: int) -> None:
        """Go some rows down."""
        self.put(self.cursor + rows)

    def action_page(self, pages: int) -> None:
        """Go some screens down."""
        step = pages * max(1, self.size.height - 1)
        self.top = max(0, min(self.top + step, len(self.lines) - self.size.height))
        self.put(self.cursor + step, anew=True)

    def action_go(self, row: int) -> None:
        """Go to a row; -1 is the last."""
        self.put(row if row >= 0 else len(self.lines) - 1)

    def action_side(self, steps: int) -> None:
        """Go to the side."""
        self.left = max(0, self.left + steps * SIDE)
        self.refresh()

    def action_choose(self) -> None:
        """Say that the row was chosen."""
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """Go to the row that was clicked on; twice: choose it."""
        self.put(self.top + event.y)
        if event.chain == 2:
            self.action_choose()

    def on_mouse_scroll_down(self) -> None:
        """Go down."""
        self.put(self.cursor + WHEEL)

    def on_mouse_scroll_up(self) -> None:
        """Go up."""
        self.put(self.cursor - WHEEL)

    def on_resize(self) -> None:
        """Keep the cursor on the screen."""
        self.put(self.cursor, anew=True)
