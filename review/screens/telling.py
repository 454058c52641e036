"""What the tabs of a case say, as lines: summary, changes, files, checks, history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from queues import history
from queues.rooms import Room
from review import cases, notes
from review.cases import Case
from review.evidence import papers
from review.evidence.pages import Section
from review.evidence.trust import KINDS
from review.evidence.values import Evidence
from review.facts import SIGNED
from review.policy import judging
from review.policy.values import Judgement
from review.refusal import Refusal
from review.screens.lines import Line, plain, titled
from review.screens.work import Work

STYLES = {"red": "red", "amber": "yellow", "green": "green", "reject": "red", "warn": "yellow", "hint": ""}
UNSEEN = "it was not looked into yet: 'debmill status' says what the evidence daemon does"


class Told:
    """A case as it stands at this moment."""

    def __init__(self, work: Work, case: Case) -> None:
        self.case = case
        self._work = work
        self.evidence = papers.read(case.path)
        policy = work.policy(case.upload.suite)
        self.judged = judging.judge(self.evidence, policy) if self.evidence else Judgement(())

    def summary(self) -> list[Line]:
        """Tell who, what, what the rules say, what follows, and what colleagues noted."""
        found = self.evidence
        if found is None:
            return [*_facts(self._who()), Line(""), Line(UNSEEN, "yellow"), Line(""), *self._notes()]
        mark = Line(f"what the rules say: {self.judged.mark}", f"bold {STYLES[self.judged.mark]}")
        return [
            *_facts({**self._who(), **_what(found)}),
            Line(""),
            mark,
            *self._findings(),
            Line(""),
            *titled("what follows", _facts(_follows(found))),
            *self._notes(),
        ]

    def changes(self) -> list[Line]:
        """Give the changelog since the published version, and what changes in packages and build dependencies."""
        if self.evidence is None:
            suite = self._work.desk.suites.get(self.case.upload.suite)
            with suppress(OSError, Refusal):
                return plain(cases.dossier(self.case, suite, None).changes) if suite else []
            return []
        return [*_facts(_packages(self.evidence)), Line(""), *titled("changelog", plain(self.evidence.what.changelog))]

    def files(self, sections: Sequence[Section]) -> list[Line]:
        """List the files that differ, each a way into the diff, and those of the upload."""
        differ = [
            Line(
                f"{one.change:<8} {one.kind:<10} {f'+{one.added}':>7} {f'-{one.removed}':>7}  {one.path}", "", one.first
            )
            for one in sections
        ]
        own = [Line(f"{ref.sha256}  {ref.size}  {ref.name}") for ref in self.case.upload.files]
        return [*titled(f"{len(differ)} files differ (Enter: its diff)", differ), *titled("the upload's files", own)]

    def checks(self, sections: Sequence[Section]) -> list[Line]:
        """List what the rules found, what to look at closely, what is odd about the .dsc, and lintian's tags."""
        found = self.evidence
        if found is None:
            return [Line(UNSEEN, "yellow")]
        begins = {one.path: one.first for one in sections}
        signs = [
            Line(f"{KINDS.get(one.kind, one.kind)}: {one.path}: {one.words}", "", one.line or begins.get(one.path, -1))
            for one in found.signs
        ]
        flaws = [Line(f"{one.words} ({one.source})") for one in found.flaws]
        tags = [
            Line(f"{tag.level}: {tag.name} {tag.words}" + (" (new)" if tag.new else "")) for tag in found.lintian or ()
        ]
        trouble = [Line(found.lintian_trouble, "yellow")] if found.lintian_trouble else []
        if found.awaits_lintian:
            trouble = [Line("lintian has not looked yet: it will, when nobody waits for anything else", "yellow")]
        none = [Line("lintian was not asked" if found.lintian is None else "lintian has nothing to say")]
        return [
            *titled(f"what the rules say: {self.judged.mark}", [*self._findings()] or [Line("nothing")]),
            *titled("to look at closely (Enter: its place in the diff)", signs),
            *titled("licences, by debian/copyright", _licences(found)),
            *titled("the .dsc", flaws),
            *titled("lintian", [*trouble, *tags] or none),
        ]

    def history(self) -> list[Line]:
        """Tell what happened to the upload, and what became of earlier ones."""
        events = [
            Line(f"{one.at:%Y-%m-%d %H:%M:%S}  {one.event}  {_said(one.facts)}") for one in history.read(self.case.path)
        ]
        earlier = self.evidence.who.earlier if self.evidence else ()
        others = [
            Line(f"{one.at:%Y-%m-%d}  {one.source} {one.version} for {one.suite}: {one.became}") for one in earlier
        ]
        return [*titled("this upload", events), *titled("earlier ones, of this source or this signer", others)]

    def title(self) -> str:
        """Say in a line what this is and who has it."""
        upload, room = self.case.upload, self.case.room
        mine = self._work.held.holds(upload.key)
        whose = f"  open at {self.case.reviewer or 'somebody'}" if room is Room.ACTIVE and not mine else ""
        return (
            f"{upload.source} {upload.version} for {upload.suite}  {self.judged.mark if self.evidence else ''}{whose}"
        )

    def _who(self) -> dict[str, str]:
        upload = self.case.upload
        return {
            "uploader": upload.uploader,
            "signed by": f"{upload.signed_by} ({upload.signer})",
            "maintainer": upload.maintainer,
            "changed by": upload.changed_by,
            "received": f"{upload.received:%Y-%m-%d %H:%M:%S} UTC",
        }

    def _findings(self) -> Iterator[Line]:
        for one in self.judged.findings:
            yield Line(f"  {one.level:6} {one.rule}: {one.text} ({one.source})", STYLES[one.level])

    def _notes(self) -> list[Line]:
        written = notes.read(self.case.path)
        return titled("notes", [Line(f"{one.at:%Y-%m-%d %H:%M}  {one.by}: {one.text}") for one in written])


def _what(found: Evidence) -> dict[str, str]:
    who, what = found.who, found.what
    return {
        "key": who.key,
        "kind": " and ".join(
            [f"update of {what.published}" if what.published else "new source"]
            + ["non-maintainer upload"] * who.non_maintainer
            + ["sponsored"] * who.sponsored
        ),
        "urgency": what.urgency,
        "closes": " ".join(what.closes),
        "size": f"{what.size} bytes",
        "upstream": what.upstream and f"signature {what.upstream}",
        "difference": _difference(found),
    }


def _difference(found: Evidence) -> str:
    if found.difference is None:
        return f"none: {found.trouble.words}" if found.trouble else ""
    parts = found.difference.parts.items()
    return "; ".join(f"{kind} {one.files} files +{one.added} -{one.removed}" for kind, one in parts) or "nothing"


def _packages(found: Evidence) -> dict[str, str]:
    what = found.what
    return {
        "packages": " ".join(one.name for one in what.binaries),
        "new packages": " ".join(what.added),
        "dropped": " ".join(what.dropped),
        "moved": "; ".join(what.moved),
        "build needs, new": ", ".join(what.depends_added),
        "build needs, gone": ", ".join(what.depends_dropped),
        "closes": " ".join(what.closes),
    }


def _follows(found: Evidence) -> dict[str, str]:
    follows = found.consequences
    return {
        "is built for": " ".join(follows.architectures),
        "missing": "; ".join(f"{where}: {what}" for where, what in follows.missing.items()),
        "would break": ", ".join(f"{one.package} (needs {one.needs})" for one in follows.dependents),
    }


def _licences(found: Evidence) -> list[Line]:
    files = found.licences.files.items() if found.licences else ()
    return [Line(f"{count:>7} {'file' if count == 1 else 'files'}  {name}") for name, count in files]


def _facts(facts: dict[str, str]) -> list[Line]:
    return [Line(f"{name:<18} {value}") for name, value in facts.items() if value]


def _said(facts: dict[str, str]) -> str:
    return "  ".join(f"{name}: {value}" for name, value in facts.items() if name != SIGNED)
