"""Source code in colours, by pygments: the lines of one file that are on the screen, and some above them.

What a file is, its name says. Lines come from an upload: long ones are left plain, and an expression that goes back for
ever in text made for that is stopped, after which the file is plain. Colours are few, for they are the terminal's own.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath

from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.token import Token, _TokenType

Part = tuple[str, str]  # a text, and how it looks in the words of rich
LONGEST = 400  # letters of a line that is coloured
PATIENCE = 0.1  # seconds of the processor that a screen of lines may take
_NAMES = {
    "rules": "make",
    "makefile": "make",
    "gnumakefile": "make",
    "control": "debcontrol",
    "cmakelists.txt": "cmake",
    "meson.build": "meson",
    "configure": "bash",
    "sconstruct": "python",
    "dockerfile": "docker",
}
_ENDINGS = {
    "asm": "s",
    "bash": "sh bash ksh preinst postinst prerm postrm config init ebuild",
    "c": "c h",
    "cmake": "cmake",
    "cpp": "cc cpp cxx hh hpp hxx",
    "csharp": "cs",
    "css": "css scss",
    "diff": "diff patch",
    "go": "go",
    "haskell": "hs",
    "html": "html htm xhtml",
    "ini": "ini cfg conf service socket timer path mount desktop",
    "java": "java",
    "javascript": "js mjs cjs jsx",
    "json": "json",
    "kotlin": "kt",
    "lua": "lua",
    "m4": "ac am m4",
    "make": "mk mak",
    "ocaml": "ml mli",
    "perl": "pl pm t",
    "php": "php",
    "python": "py pyi pyx",
    "ruby": "rb gemspec",
    "rust": "rs",
    "scheme": "scm",
    "sql": "sql",
    "tcl": "tcl",
    "toml": "toml",
    "typescript": "ts tsx",
    "vala": "vala",
    "xml": "xml svg xsl",
    "yaml": "yml yaml",
}
_BY_ENDING = {ending: name for name, endings in _ENDINGS.items() for ending in endings.split()}
_LOOKS = (
    (Token.Comment.Preproc, "cyan"),
    (Token.Comment, "dim"),
    (Token.Keyword, "magenta"),
    (Token.Literal.String, "yellow"),
    (Token.Literal.Number, "cyan"),
    (Token.Name.Function, "bold"),
    (Token.Name.Class, "bold"),
    (Token.Name.Variable, "cyan"),
    (Token.Generic.Inserted, "green"),
    (Token.Generic.Deleted, "red"),
    (Token.Generic.Subheading, "cyan"),
)


class _TooLong(Exception):
    """The processor was at it for too long."""


class Colouring:
    """The colours of one file."""

    def __init__(self, path: str) -> None:
        self._lexer = _lexer(path)

    def __bool__(self) -> bool:
        """Say whether there is anything to colour."""
        return self._lexer is not None

    def parts(self, lines: Sequence[str]) -> list[tuple[Part, ...]]:
        """Take lines apart, each into parts that make it up; nothing for lines that are to be left plain."""
        if self._lexer is None or not lines:
            return [()] * len(lines)
        text = "".join(f"{line if len(line) <= LONGEST else ''}\n" for line in lines)
        try:
            with _patience():
                found = _by_lines(self._lexer, text)
        except (_TooLong, RecursionError, ValueError):
            self._lexer = None
            return [()] * len(lines)
        same = [
            parts if "".join(part for part, _ in parts) == line else ()
            for parts, line in zip(found, lines, strict=False)
        ]
        return [*same, *[()] * (len(lines) - len(same))]


def _by_lines(lexer: Lexer, text: str) -> list[tuple[Part, ...]]:
    lines: list[list[Part]] = [[]]
    for _, kind, value in lexer.get_tokens_unprocessed(text):
        look = _look(kind)
        for number, piece in enumerate(value.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append((piece, look))
    return [tuple(line) for line in lines[:-1]]


def _look(kind: _TokenType) -> str:
    return next((look for of, look in _LOOKS if kind[: len(of)] == of), "")


def _lexer(path: str) -> Lexer | None:
    name = PurePath(path).name.lower()
    language = _NAMES.get(name) or _BY_ENDING.get(name.rpartition(".")[2])
    return get_lexer_by_name(language) if language else None


@contextmanager
def _patience() -> Iterator[None]:
    """Stop what takes longer than it may; expressions look for signals while they search."""

    def stop(*_: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
