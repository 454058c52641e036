"""Questions to the reviewer: a text with templates, a yes or no, how to accept several; and the help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from queues.problem import Problem
from review.screens.editing import edited
from review.screens.lines import Line, Written, plain, shown
from review.screens.roll import Roll

QUESTIONS = ("Why is this change needed now?", "Where does this code come from, under which licence?")
LATER = ("for later", "waits for an answer", "needs a second pair of eyes")


class Words(ModalScreen[str]):
    """A text: typed, taken from templates by up and down, or written in $EDITOR. Empty: given up."""

    DEFAULT_CSS = """
    Words { align: left bottom; }
    Words Vertical { height: auto; max-height: 16; border-top: solid ansi_default; }
    Words #long { height: auto; max-height: 10; display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "give_up"),
        ("up", "template(-1)"),
        ("down", "template(1)"),
        ("f2,ctrl+e", "edit"),
        ("enter", "done"),
    ]

    def __init__(self, title: str, text: str = "", templates: Sequence[str] = ()) -> None:
        super().__init__()
        self._title, self._text, self._templates = title, text, templates
        self._at = -1

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        keys = "Enter: done  Esc: leave it  F2: $EDITOR" + ("  up, down: templates" if self._templates else "")
        with Vertical():
            yield Static(f"{shown(self._title)}", markup=False)
            yield Input(self._text, compact=True, select_on_focus=False)
            yield Static("", id="long", markup=False)
            yield Static(keys, markup=False)

    def action_template(self, step: int) -> None:
        """Take another template."""
        if self._templates:
            before = max(self._at, -1 if step > 0 else 0)  # the first time, up is the last one
            self._at = (before + step) % len(self._templates)
            self._put(self._templates[self._at])

    def action_edit(self) -> None:
        """Write on in an editor."""
        try:
            with self.app.suspend():
                text = edited(self._value())
        except (Problem, OSError) as error:
            self.query_one("#long", Static).update(str(error))
            self.query_one("#long").display = True
        else:
            self._put(text)

    def action_done(self) -> None:
        """Give the text that was written in the editor."""
        self.dismiss(self._value())

    @on(Input.Submitted)
    def _submitted(self) -> None:
        self.action_done()

    def action_give_up(self) -> None:
        """Give nothing."""
        self.dismiss("")

    def _value(self) -> str:
        return self._text if self._is_long() else self.query_one(Input).value.strip()

    def _is_long(self) -> bool:
        return "\n" in self._text

    def _put(self, text: str) -> None:
        """Show a text: on the line, or, when it has several, below it."""
        self._text = text
        field, below = self.query_one(Input), self.query_one("#long", Static)
        field.display, below.display = not self._is_long(), self._is_long()
        field.value = "" if self._is_long() else text
        field.cursor_position = len(field.value)
        below.update("\n".join(line.text for line in plain(text)))
        self.set_focus(None if self._is_long() else field)


class Sure(ModalScreen[bool]):
    """A yes or no."""

    DEFAULT_CSS = "Sure { align: left bottom; } Sure Static { height: auto; border-top: solid ansi_default; }"
    BINDINGS: ClassVar[list[BindingType]] = [("y", "dismiss(True)"), ("n,escape,q", "dismiss(False)")]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        yield Static(f"{shown(self._question)}  y: yes  n: no", markup=False)


class How(ModalScreen[str]):
    """How several are accepted: `set`, `each`, or empty for not at all."""

    DEFAULT_CSS = "How { align: left bottom; } How Static { height: auto; border-top: solid ansi_default; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        ("y", "dismiss('set')"),
        ("e", "dismiss('each')"),
        ("n,escape,q", "dismiss('')"),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        answers = "y: as a set, published at once or not at all  e: each by itself  n: no"
        yield Static(f"{shown(self._question)}\n{answers}", markup=False)


class Help(ModalScreen[None]):
    """The keys."""

    DEFAULT_CSS = "Help Roll { height: 100%; }"
    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,question_mark", "dismiss")]

    def compose(self) -> ComposeResult:
        """Lay out the keys."""
        yield Roll()

    def on_mount(self) -> None:
        """Write them."""
        self.query_one(Roll).show(Written([Line(line) for line in HELP.splitlines()], 200))


HELP = """\
The keys of 'debmill review'                       q, Esc or ? leaves this

everywhere
  j k up down      a row           b PgUp PgDn     a screen (Space in a case)
  g G Home End     begin, end      left right      to the side
  a                accept          r               reject, with a reason
  h                hold; put back  n               note for other reviewers
  m                mail: ask the uploader          u  undo an acceptance
  ?                this            q               back, and out of the tool

in the list
  Enter            open: the case is yours until you leave it
  Space            mark: 'a' accepts all that are marked, as a set or each
  /                show only what has these words: a source, suite, uploader,
                   signer, red, amber, green, hold; Esc shows all again
  marks            R a rule would reject, A look at it, G nothing found,
                   ? not looked into yet; key: the signer's

in a case
  1-6 Tab          summary, changes, diff, files, checks, history
  J K              next case, previous case
  / . ,            search, next place, previous place
  Enter            of a file or a check: its place in the diff
  z Z              fold a file of the diff, or all
  f F              next file, previous file

In the question for a reason: up and down take templates, F2 opens $EDITOR.
A decision is what 'debmill review accept ID' and its neighbours do, too."""
