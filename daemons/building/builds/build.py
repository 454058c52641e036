"""One build job in one fresh environment, from its sources to checked results.

Phases: install, setup, the steps of the way it is built (unpack and build), collect, check. What may come of it
stands in `outcomes`; a build that is cancelled while a command runs has failed in that phase. It knows no queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from archive import dscfile
from daemons.building.builds import results
from daemons.building.builds.outcomes import (
    Cancelled,
    Failed,
    Killed,
    Outcome,
    Suspicious,
    Trouble,
    in_excess,
    in_words,
)
from daemons.building.builds.recipe import building, changes_name, log_name, tree, unpacking, variables
from daemons.building.builds.record import Record, recording, reference
from daemons.building.environment import (
    DIRECTORY,
    Broken,
    Ended,
    Environment,
    Environments,
    Kind,
    Limits,
    Log,
    Refused,
    Unavailable,
)
from queues import control
from queues.clock import Clock
from queues.outcomes import Later
from queues.values import BuildJob, BuildResult, FileRef

_LARGEST_CHANGES = 16 << 20
MOST_FILES = 10_000  # that a build may have as results
_LONGEST_SIZE = 18  # digits


class Settings(Struct, frozen=True):
    """How builds are made on this machine."""

    limits: Limits = Limits()
    parallel: int = 1


def build(
    environments: Environments,
    job: BuildJob,
    sources: Path,
    out: Path,
    clock: Clock,
    settings: Settings = Settings(),  # noqa: B008 -- it is frozen
    steps: Sequence[Step] | None = None,
) -> Outcome:
    """Build a job, in an environment that is gone before this returns; `sources` holds the job's files.

    Results and the log `log_name(job)` are new files in `out`, an empty directory; the log may be read meanwhile.
    `steps` lead from the sources to the results in an environment of these; they are unpacking and building.
    """
    started = clock()
    with recording(out / log_name(job), clock) as record:
        work = Work(job, sources, out, record, settings)
        trouble = work.do(environments, (Work.unpack, Work.build) if steps is None else steps)
        record.end(in_words(trouble))
    if trouble is not None and not isinstance(trouble, Failed):
        return trouble
    return BuildResult(
        job=job,
        verdict="failed" if trouble else "built",
        reason=trouble.reason if trouble else "",
        phase=record.phase,
        files=() if trouble else work.files,
        log=reference(record.path),
        started=started,
        finished=clock(),
        excerpt=record.excerpt() if trouble else "",
    )


class Work:
    """A job in hand; each phase answers what is in its way, or None."""

    def __init__(self, job: BuildJob, sources: Path, out: Path, record: Record, settings: Settings) -> None:
        self.job = job
        self.sources = sources
        self.out = out
        self.record = record
        self.settings = settings
        self.files: tuple[FileRef, ...] = ()
        self.changes = changes_name(job)

    def do(self, environments: Environments, steps: Sequence[Step]) -> Trouble | None:
        """Go through the phases until something is in the way."""
        try:
            self.record.say(f"{self.job.source} {self.job.version} for {self.job.suite}, {self.job.architecture}")
            self.record.say(self.settings.limits.in_words)
            for name, value in variables(self.job, self.settings.parallel).items():
                self.record.say(f"{name}={value}")
            self.record.begin("install")
            fresh = self.install(environments)
            if isinstance(fresh, Trouble):
                return fresh
            self.record.begin("setup")
            with fresh as environment:
                self.record.say(environment.walls)
                environment.bring([self.sources / file.name for file in self.job.files])
                for phase in (*steps, Work.collect):
                    self.record.begin(phase.__name__)
                    trouble = phase(self, environment)
                    self.record.say(environment.spent().in_words)
                    if trouble is not None:
                        return trouble
            self.record.begin("check")
            return self.check()
        except Broken as broken:
            return Later(str(broken))
        except Cancelled as cancelled:
            return Failed(str(cancelled))

    def install(self, environments: Environments) -> AbstractContextManager[Environment] | Trouble:
        """Have an environment with what the package needs to be built."""
        kind: Kind = "indep" if self.job.architecture == "all" else "arch"
        dsc, size = self.sources / self.job.dsc.name, sum(file.size for file in self.job.files)
        try:
            fresh = environments.install(
                dsc, kind, self.job.profiles, size=size, log=self.record.file, limits=self.settings.limits
            )
        except (dscfile.NotADsc, control.Malformed) as malformed:
            return Failed(f"{self.job.dsc.name}: {malformed}")
        return Later(fresh.reason) if isinstance(fresh, Unavailable) else fresh

    def unpack(self, environment: Environment) -> Trouble | None:
        """Unpack the source package."""
        return self.why(self.run(environment, unpacking(self.job), DIRECTORY))

    def build(self, environment: Environment) -> Trouble | None:
        """Build the architecture's own packages, or those for all."""
        return self.why(self.run(environment, building(self.job), f"{DIRECTORY}/{tree(self.job)}"))

    def collect(self, environment: Environment) -> Trouble | None:
        """Copy out what the build's own .changes names."""
        limits = self.settings.limits
        try:
            changes = environment.collect([self.changes], self.out, replace(limits, results=_LARGEST_CHANGES))
            named = [file for file in _named(self.out / self.changes) if not self.is_left(file.name)]
            files = environment.collect([file.name for file in named], self.out, limits)
        except Refused as refused:
            return Failed(str(refused))
        except control.Malformed as malformed:
            return Failed(f"{self.changes}: {malformed}")
        for file, claimed in zip(files, named, strict=True):
            self.record.say(f"{file.sha256} {file.size} {file.name}")
            if file != claimed:
                return Failed(f"{file.name}: not the file that {self.changes} names")
        self.files = (*changes, *files)
        return None

    def is_left(self, name: str) -> bool:
        """Say whether a result is left behind: what is for Debian's installer has no place in the archive (rule 22)."""
        left = name.endswith(".udeb")
        if left:
            self.record.say(f"left behind, for the archive has no place for udebs: {name}")
        return left

    def check(self) -> Trouble | None:
        """Check that the results are the job's."""
        dsc = self.sources / self.job.dsc.name
        objection = results.objection(self.job, dsc, [self.out / file.name for file in self.files])
        return Suspicious(objection) if objection else None

    def run(self, environment: Environment, argv: Sequence[str], directory: str, log: Log | None = None) -> Ended:
        """Run a command of the package's, noted in the log, to which its output goes, or through `log`."""
        self.record.command(argv)
        limits, told = self.settings.limits, variables(self.job, self.settings.parallel)
        return environment.run(argv, log=log or self.record.file, limits=limits, directory=directory, variables=told)

    def why(self, ended: Ended) -> Trouble | None:
        """Say what is in the way when a command of the package's has ended."""
        if ended.well:
            return None
        match ended.how:
            case "killed":
                return Killed("the build was killed")
            case "itself" if line := self.record.killed():
                return Killed(f"something in the build was killed: {line}")
            case "itself":
                return Failed(self.record.first_error() or f"exit status {ended.status}")
            case reached:
                return Failed(in_excess(reached, self.settings.limits))


Step = Callable[[Work, Environment], Trouble | None]


def _named(changes: Path) -> list[FileRef]:
    """Read which files a .changes of our own build names (deb-changes(5)). Raises control.Malformed."""
    with changes.open("rb") as file:
        fields = control.paragraph(file.read(_LARGEST_CHANGES))
    lines = [line.split() for line in fields.get("Checksums-Sha256", "").splitlines() if line.strip()]
    if not lines or any(len(line) != 3 or not _is_size(line[1]) for line in lines):
        raise control.Malformed("no Checksums-Sha256 that can be read")
    if len(lines) > MOST_FILES:
        raise control.Malformed(f"it names more than {MOST_FILES} files")
    return [FileRef(name, int(size), sha256) for sha256, size, name in lines]


def _is_size(word: str) -> bool:
    return word.isdecimal() and len(word) <= _LONGEST_SIZE
