"""One case: six tabs and the keys to decide on it. Opening it takes it into the reviewer's hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Input, Static

from queues.names import Key
from review import cases
from review.evidence import papers
from review.screens.crowd import Row
from review.screens.deciding import Deciding
from review.screens.difference import Difference
from review.screens.lines import Line, Lines, Written, shown
from review.screens.roll import Roll
from review.screens.telling import Told
from review.screens.work import Work

TABS = ("summary", "changes", "diff", "files", "checks", "history")
DIFF = TABS.index("diff")
KEYS = "a accept  r reject  h hold  n note  m ask  J K next, previous  / search  ? help"
KEYS_OF_DIFF = "a accept  r reject  z Z fold  f F files  / . , search  left right  ? help"


class CaseScreen(Deciding):
    """A case; it is dismissed with the steps to the case that is wanted next, 0: none."""

    DEFAULT_CSS = "CaseScreen Input { display: none; } CaseScreen Static { height: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        *[(str(number + 1), f"tab({number})") for number in range(len(TABS))],
        ("tab", "turn(1)"),
        ("shift+tab", "turn(-1)"),
        ("space", "page"),
        ("slash", "search"),
        ("full_stop", "again(1)"),
        ("comma", "again(-1)"),
        ("z", "fold"),
        ("Z", "fold_all"),
        ("f", "file(1)"),
        ("F", "file(-1)"),
        ("J", "leave(1)"),
        ("K", "leave(-1)"),
        ("q,escape", "leave(0)"),
    ]

    def __init__(self, work: Work, row: Row, accepted: list[Key]) -> None:
        super().__init__(work)
        self.row, self.accepted = row, accepted
        self.tab, self._places = 0, [0] * len(TABS)
        self._told: Told | None = None
        self._difference: Difference | None = None
        self._searched = ""

    def compose(self) -> ComposeResult:
        """Lay out title, tabs, text, search, last row."""
        yield Static("", id="title", markup=False)
        yield Static("", id="tabs", markup=False)
        yield Roll()
        yield Input(placeholder="search", compact=True)
        yield Static(KEYS, id="said", markup=False)

    def on_mount(self) -> None:
        """Take the case, and read it."""
        self.set_focus(self.query_one(Roll))
        self._take()
        self.read()

    def _take(self) -> None:
        """Take the case into the hand, where it may be decided on; else it can still be read."""
        why_not = self.work.take(self.row.key)
        if why_not:
            self.say(f"{why_not}; you can read it")

    def read(self) -> None:
        """Read the case anew, and show it where it was."""
        case = cases.by_key(self.work.spool, self.row.key)
        if case is None:
            self.leave(0)
            return
        self._told = Told(self.work, case)
        reader = papers.difference(case.path)
        self._difference = Difference(reader) if reader else None
        self._show()

    # --- tabs ----------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        tabs = [f"[{n + 1} {name}]" if n == self.tab else f" {n + 1} {name} " for n, name in enumerate(TABS)]
        self.query_one("#tabs", Static).update("".join(tabs))
        lines = self._lines()
        self._tell()
        if lines is not None:
            self.query_one(Roll).show(lines, self._places[self.tab])

    def _lines(self) -> Lines | None:
        told = self._told
        if told is None:
            return None
        if self.tab == DIFF:
            return self._difference if self._difference and len(self._difference) else self._without_diff(told)
        sections = self._difference.sections if self._difference else ()
        made = {
            "summary": told.summary,
            "changes": told.changes,
            "files": lambda: told.files(sections),
            "checks": lambda: told.checks(sections),
            "history": told.history,
        }
        return Written(made[TABS[self.tab]](), max(20, self.app.size.width))

    def _without_diff(self, told: Told) -> Lines:
        trouble = told.evidence.trouble if told.evidence else None
        said = trouble.words if trouble else "nothing differs" if told.evidence else "it was not looked into yet"
        return Written([Line(f"there is no difference to show: {said}")], self.app.size.width)

    def action_tab(self, number: int) -> None:
        """Show a tab, where it was left."""
        self._places[self.tab] = self.query_one(Roll).cursor
        self.tab = number
        self.say(KEYS_OF_DIFF if number == DIFF else KEYS)
        self._show()

    def action_turn(self, step: int) -> None:
        """Show the next tab."""
        self.action_tab((self.tab + step) % len(TABS))

    def action_page(self) -> None:
        """Go a screen down."""
        self.query_one(Roll).action_page(1)

    def on_resize(self) -> None:
        """Fold the lines at the new width."""
        self._places[self.tab] = self.query_one(Roll).cursor
        self._show()

    # --- the diff ------------------------------------------------------------------------------------------------

    @on(Roll.Chosen)
    def _go(self) -> None:
        line = self.query_one(Roll).here()
        if self.tab == DIFF:
            self.action_fold()
        elif line is not None and line.goes >= 0 and self._difference is not None:
            self.action_tab(DIFF)
            self.query_one(Roll).jump(self._difference.open_at(line.goes))

    @on(Roll.Moved)
    def _tell(self) -> None:
        """Say what case this is, and where in its diff."""
        place = ""
        if self.tab == DIFF and self._difference is not None and len(self._difference):
            row = self.query_one(Roll).cursor
            section = self._difference.section(row)
            place = f"  {row + 1}/{len(self._difference)}  {section.path if section else ''}"
        title = self._told.title() if self._told else ""
        self.query_one("#title", Static).update(shown(title + place))

    def _in_diff(self) -> Difference | None:
        return self._difference if self.tab == DIFF else None

    def action_fold(self) -> None:
        """Fold the file here, or open it."""
        if found := self._in_diff():
            self.query_one(Roll).put(found.fold(self.query_one(Roll).cursor), anew=True)

    def action_fold_all(self) -> None:
        """Fold all files, or open them."""
        if found := self._in_diff():
            self.query_one(Roll).put(found.fold_all(self.query_one(Roll).cursor), anew=True)

    def action_file(self, step: int) -> None:
        """Go to the next file."""
        if found := self._in_diff():
            self.query_one(Roll).jump(found.file(self.query_one(Roll).cursor, step), above=0)

    # --- searching -----------------------------------------------------------------------------------------------

    def action_search(self) -> None:
        """Ask what to search for."""
        field = self.query_one(Input)
        field.display, field.value = True, ""
        self.set_focus(field)  # at once: what is typed next is for it

    @on(Input.Submitted)
    def _search(self, message: Input.Submitted) -> None:
        self._searched = message.value
        self.query_one(Input).display = False
        self.set_focus(self.query_one(Roll))
        self.action_again(1)

    def action_again(self, step: int) -> None:
        """Go to the next place where it stands."""
        roll = self.query_one(Roll)
        if self._searched:
            found = roll.lines.find(self._searched, roll.cursor, step)
            if found is None:
                self.say(f"'{self._searched}' is not found {'below' if step > 0 else 'above'}")
            else:
                roll.jump(found)

    # --- decisions -----------------------------------------------------------------------------------------------

    def is_opened(self) -> bool:
        """Say that it is."""
        return True

    def chosen(self) -> Sequence[Row]:
        """Give this case."""
        held = self.work.held.holds(self.row.key)
        return [Row(held.case.room, held.entry.name)] if held else [self.row]

    def after(self, said: str, *, gone: bool) -> None:
        """Leave a case that was decided on; read one that was not again."""
        if gone:
            self.leave(0)
            self._below().say(said)
            return
        if self.work.held.holds(self.row.key) is None:
            self._take()
        self.read()
        self.say(said)

    def _below(self) -> Deciding:
        return next(screen for screen in self.app.screen_stack if isinstance(screen, Deciding))

    def action_leave(self, step: int) -> None:
        """Close the search, or the case."""
        if self.query_one(Input).display:
            self.query_one(Input).display = False
            self.set_focus(self.query_one(Roll))
        else:
            self.leave(step)

    def leave(self, step: int) -> None:
        """Give the case out of the hand, and go."""
        self.work.held.free()
        self.dismiss(step)
