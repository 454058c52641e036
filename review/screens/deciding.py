"""The keys that decide, alike in the list and in a case."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.screen import Screen
from textual.widgets import Static

from queues.names import Key
from queues.problem import Problem
from queues.rooms import Room
from review.screens.asking import LATER, QUESTIONS, Help, How, Sure, Words
from review.screens.crowd import Row
from review.screens.lines import shown
from review.screens.work import Work


class Deciding(Screen[int]):
    """A screen on which cases are decided on. Its last row, `#said`, tells what came of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("a", "accept"),
        ("r", "reject"),
        ("h", "hold"),
        ("n", "note"),
        ("m", "ask"),
        ("u", "undo"),
        ("question_mark", "help"),
    ]

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.work = work
        self.accepted: list[Key] = []

    @abstractmethod
    def chosen(self) -> Sequence[Row]:
        """Give the cases that a key is meant for."""

    @abstractmethod
    def after(self, said: str, *, gone: bool) -> None:
        """Show the consequences: the cases are gone from here, or the same ones are to be read again."""

    def say(self, text: str) -> None:
        """Tell something in the last row."""
        self.query_one("#said", Static).update(shown(text))

    def action_accept(self) -> None:
        """Accept; several, or one that was not opened, only after a question."""
        rows = self.chosen()
        if self.is_opened():
            self._accept(rows)
        elif len(rows) == 1:
            self.app.push_screen(Sure(f"Accept {rows[0].id}?"), lambda sure: self._accept(rows) if sure else None)
        elif rows:
            self.app.push_screen(How(f"Accept {len(rows)} uploads?"), lambda how: self._accept_several(rows, how))

    def is_opened(self) -> bool:
        """Say whether the reviewer looks at what is decided on."""
        return False

    def action_reject(self) -> None:
        """Ask for a reason, and reject."""
        reasons = [*self.work.reasons.all().values()]
        self._with_words("Reject {}. What is its uploader told?", self.work.reject, reasons, gone=True)

    def action_hold(self) -> None:
        """Put aside, or, what is held, back."""
        rows = self.chosen()
        if rows and all(row.room is Room.HOLD for row in rows):
            self._each(rows, self.work.release, gone=True)
        else:
            self._with_words("Hold {}. Why? Other reviewers see it.", self.work.hold, LATER, gone=True)

    def action_note(self) -> None:
        """Leave a note."""
        self._with_words("A note on {}, for other reviewers:", self.work.note, (), gone=False)

    def action_ask(self) -> None:
        """Ask the uploader."""
        self._with_words("Ask the uploader of {}:", self.work.ask, QUESTIONS, gone=False)

    def action_undo(self) -> None:
        """Take back an acceptance: the last one, or one that is named."""
        last = str(self.accepted[-1]) if self.accepted else ""
        title = "Take back the acceptance of (a source, or what 'debmill why' takes):"
        self.app.push_screen(Words(title, last), self._undo)

    def action_help(self) -> None:
        """Show the keys."""
        self.app.push_screen(Help())

    def _accept(self, rows: Sequence[Row]) -> None:
        self._each(rows, self.work.accept, gone=True, done=self.accepted.append)

    def _accept_several(self, rows: Sequence[Row], how: str | None) -> None:
        if how == "each":
            self._accept(rows)
        elif how == "set":
            keys = [row.key for row in rows]
            try:
                said = self.work.accept_set(keys)
            except (Problem, OSError) as error:
                self.after(str(error), gone=False)
            else:
                self.accepted.append(keys[0])  # which stands for all when it is taken back
                self.after(said, gone=True)

    def _with_words(self, title: str, act: Callable[[Key, str], str], templates: Sequence[str], *, gone: bool) -> None:
        rows = self.chosen()

        def answered(text: str | None) -> None:
            if text:
                self._each(rows, lambda key: act(key, text), gone=gone)

        if rows:
            what = rows[0].id if len(rows) == 1 else f"{len(rows)} uploads"
            self.app.push_screen(Words(title.format(what), "", templates), answered)

    def _each(
        self, rows: Sequence[Row], act: Callable[[Key], str], *, gone: bool, done: Callable[[Key], None] | None = None
    ) -> None:
        """Do it with each, oldest first; the first that cannot be done ends it, and is told."""
        said = ""
        for number, row in enumerate(rows):
            try:
                said = act(row.key)
            except (Problem, OSError) as error:
                before = f" ({number} of {len(rows)} were done)" if number else ""
                self.after(f"{error}{before}", gone=False)
                return
            if done:
                done(row.key)
        self.after(said if len(rows) == 1 else f"{len(rows)} uploads: done", gone=gone)

    def _undo(self, wanted: str | None) -> None:
        if wanted:
            self.say(f"{wanted} is taken back; its builds are ended...")
            self.run_worker(lambda: self._undone(wanted), thread=True)

    def _undone(self, wanted: str) -> None:
        try:
            said = self.work.undo(wanted, f"{self.work.reviewer} took it back")
        except (Problem, OSError) as error:
            said = str(error)
        self.app.call_from_thread(self.after, said, gone=False)
