"""The words of a mail: jinja2 templates, whose first line is the subject. A site's own in SITE/templates come first.

A template of the site that cannot be used is told in the log and by the doctor, and debmill's own is taken: no mail
waits for it, and none is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
)

from daemons.notifying.events import DIGEST, kind
from queues.names import Key
from queues.values import Notice

SUFFIX = ".txt"
log = logging.getLogger(__name__)
# Of each kind of event, what its template may use besides `notice` (event, source, version, suite, upload, at).
FACTS: Mapping[str, Mapping[str, str]] = {
    "received": {"by": "ulla"},
    "refused": {"what": "pkg_1.0_source.changes", "reason": "pkg_1.0.tar.xz did not come within 15 minutes"},
    "rejected": {"by": "rita", "reason": "no copyright file\nand no watch file"},
    "asked": {"by": "rita", "question": "where is its copyright?"},
    "accepted": {"by": "rita"},
    "undone": {"by": "rita", "reason": "the wrong one"},
    "failed": {"architecture": "amd64", "phase": "build", "reason": "Error 1", "excerpt": "oh"},
    "built": {"built": "amd64 i386", "failed": "arm64: build: Error 1"},
    "published": {"built": "amd64 i386"},
    "held": {"reason": "a name is taken"},
    "withheld": {"reason": "amd64 failed"},
    "abandoned": {"reason": "amd64: Error 1"},
    "superseded": {"by": "2.0"},
    "waiting": {"days": "3", "since": "2026-01-01"},
    "cycle": {"cycle": "pkg_1.0 -> other_2.0 -> pkg_1.0"},
    DIGEST: {"site": "/srv/mill", "days": "7", "text": "nothing moves"},
}


class Text(NamedTuple):
    """What a mail says."""

    subject: str
    body: str


class Templates:
    """The templates of a site."""

    def __init__(self, own: Path) -> None:
        self._own = own
        ours = PackageLoader("daemons")
        self._ours = _environment(ours)
        self._both = _environment(ChoiceLoader([FileSystemLoader(own), ours]))

    def write(self, notice: Notice) -> Text:
        """Say what a notice tells."""
        name = kind(notice) + SUFFIX
        if (self._own / name).exists():
            try:
                return _rendered(self._both, name, notice)
            except Exception as error:  # noqa: BLE001 -- a template is a program of the site's
                log.error("%s: %s; debmill's own is taken", self._own / name, complaint(error))
        return _rendered(self._ours, name, notice)

    def subject(self, notice: Notice) -> str:
        """Say in a line what a notice tells; what no template can say, without one."""
        try:
            return self.write(notice).subject
        except TemplateError:
            return f"{notice.source} {notice.version}: {kind(notice)}"

    def ours(self, event: str) -> str:
        """Give debmill's own template of a kind of event."""
        loader = self._ours.loader
        assert loader is not None
        return loader.get_source(self._ours, event + SUFFIX)[0]

    def problems(self) -> Iterator[tuple[Path, str]]:
        """Try every template of the site with facts as they may be, and say what is wrong with which."""
        for path in sorted(self._own.glob(f"*{SUFFIX}")):
            if path.stem not in FACTS:
                yield path, f"there is no such event: {', '.join(FACTS)}"
                continue
            try:
                _rendered(self._both, path.name, _example(path.stem))
            except Exception as error:  # noqa: BLE001 -- as above; the answer is the report
                yield path, complaint(error)


def complaint(error: Exception) -> str:
    """Say in one line what is wrong with a template."""
    line = getattr(error, "lineno", None)
    where = f"line {line}: " if line else ""
    return f"{where}{error}" if isinstance(error, TemplateError) else f"{where}{type(error).__name__}: {error}"


class NoSubject(TemplateError):
    """A template whose first line is empty."""


def _rendered(environment: Environment, name: str, notice: Notice) -> Text:
    subject, _, body = environment.get_template(name).render(notice=notice, **notice.facts).partition("\n")
    if not subject.strip():
        raise NoSubject("the first line, which is the subject, is empty")
    return Text(subject.strip(), body.lstrip("\n"))


def _environment(loader: BaseLoader) -> Environment:
    return Environment(loader=loader, undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


def _example(event: str) -> Notice:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Notice(event, Key("pkg_1.0~0123456789ab"), "pkg", "1.0", "demo", (), {**FACTS[event]}, at)
