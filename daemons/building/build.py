"""One build job in one fresh environment, from its sources to checked results.

Phases: install, setup, the steps of the way it is built (unpack and build), collect, check. The package's failure is a
BuildResult, a missing dependency a DepWait, the machine's failure a Later, and results that are not the job's are
Suspicious. A command that somebody killed, or that failed because what it ran was, is Killed: by the machine or by the
package, nobody can tell. A build that is cancelled while a command runs has failed in that phase. It knows no queue.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from msgspec import Struct

from archive import dscfile
from daemons.building import results
from daemons.building.environment import (
    DIRECTORY,
    Broken,
    DepWait,
    Ended,
    Environment,
    Environments,
    Kind,
    Limits,
    Log,
    Reached,
    Refused,
    Unavailable,
    in_mib,
)
from daemons.building.record import Record, recording, reference
from queues import control
from queues.clock import Clock
from queues.names import without_epoch
from queues.outcomes import Later
from queues.values import BuildJob, BuildResult, FileRef


class Cancelled(Exception):
    """The watch of an environment says that its build is not wanted any more; the message says by whom and why."""


class Suspicious(Struct, frozen=True):
    """Results that are not what the job was for: a person decides."""

    reason: str


class Killed(Struct, frozen=True):
    """A build that did not end by itself: the kernel was short of memory, a person killed it, or it killed itself."""

    reason: str


class Failed(Struct, frozen=True):
    """The package's failure, in the phase that is going on."""

    reason: str


Trouble = Failed | DepWait | Later | Killed | Suspicious
Outcome = BuildResult | DepWait | Later | Killed | Suspicious
_LARGEST_CHANGES = 16 << 20


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
        record.end(_in_words(trouble))
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


def log_name(job: BuildJob) -> str:
    """Give the name of a job's log."""
    return f"{job.source}_{without_epoch(job.version)}_{job.architecture}.log"


def tree(job: BuildJob) -> str:
    """Name the directory of a job's unpacked source in DIRECTORY, as dpkg-source(1) would."""
    upstream = without_epoch(job.version).rpartition("-")[0] or without_epoch(job.version)
    return f"{job.source}-{upstream}"


def unpacking(job: BuildJob) -> list[str]:
    """Give the command that unpacks a job's source, in DIRECTORY."""
    return ["dpkg-source", "-x", job.dsc.name, tree(job)]


def building(job: BuildJob) -> list[str]:
    """Give the command that builds a job, in its tree: the architecture's own packages, or those for all."""
    return ["dpkg-buildpackage", "-us", "-uc", "-A" if job.architecture == "all" else "-B"]


class Work:
    """A job in hand; each phase answers what is in its way, or None."""

    def __init__(self, job: BuildJob, sources: Path, out: Path, record: Record, settings: Settings) -> None:
        self.job = job
        self.sources = sources
        self.out = out
        self.record = record
        self.settings = settings
        self.files: tuple[FileRef, ...] = ()

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
            changes = environment.collect([self._changes], self.out, limits)
            named = _named(self.out / self._changes)
            files = environment.collect([file.name for file in named], self.out, limits)
        except (Refused, control.Malformed) as refused:
            return Failed(str(refused))
        for file, claimed in zip(files, named, strict=True):
            self.record.say(f"{file.sha256} {file.size} {file.name}")
            if file != claimed:
                return Failed(f"{file.name}: not the file that {self._changes} names")
        self.files = (*changes, *files)
        return None

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
                return Failed(_in_excess(reached, self.settings.limits))

    @property
    def _changes(self) -> str:
        return f"{self.job.source}_{without_epoch(self.job.version)}_{self.job.architecture}.changes"


Step = Callable[[Work, Environment], Trouble | None]


def variables(job: BuildJob, parallel: int) -> dict[str, str]:
    """Give what dpkg-buildpackage is told of a job in its environment; a parallel=N of the job's own counts."""
    own = [] if any(option.startswith("parallel=") for option in job.options) else [f"parallel={parallel}"]
    options = {"DEB_BUILD_OPTIONS": " ".join([*own, *job.options])}
    return options | ({"DEB_BUILD_PROFILES": " ".join(job.profiles)} if job.profiles else {})


def _named(changes: Path) -> list[FileRef]:
    """Read which files a .changes of our own build names (deb-changes(5)). Raises control.Malformed."""
    with changes.open("rb") as file:
        fields = control.paragraph(file.read(_LARGEST_CHANGES))
    lines = [line.split() for line in fields.get("Checksums-Sha256", "").splitlines() if line.strip()]
    if not lines or any(len(line) != 3 or not line[1].isdecimal() for line in lines):
        raise control.Malformed(f"{changes.name}: no Checksums-Sha256 that can be read")
    return [FileRef(name, int(size), sha256) for sha256, size, name in lines]


def _in_excess(reached: Reached, limits: Limits) -> str:
    words: dict[Reached, str] = {
        "time": f"it took longer than {limits.seconds:g} seconds",
        "idle": f"it wrote nothing for {limits.idle:g} seconds",
        "output": f"it wrote more than {limits.output} bytes of log",
        "memory": f"it used more than {in_mib(limits.memory)} of memory",
        "processes": f"it had more than {limits.processes} processes",
        "disk": f"it filled its disk, {in_mib(limits.disk)}",
        "shm": f"it filled /dev/shm, {in_mib(limits.shm)}",
    }
    return words[reached]


def _in_words(trouble: Trouble | None) -> str:
    if trouble is None:
        return "built"
    if isinstance(trouble, DepWait):
        return f"waiting for build dependencies: {trouble.missing}"
    kind = {Failed: "failed", Later: "given back", Killed: "given back", Suspicious: "held"}[type(trouble)]
    return f"{kind}: {trouble.reason}"
