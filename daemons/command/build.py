"""`debmill build`: one build of one source package in a clean environment, without any queue or site.

The files are staged in a directory of the service account, which builds in a process of its own; what came out is
copied to the caller's directory, by the caller.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import click
from msgspec.structs import replace

from archive import reading
from daemons import account, settings
from daemons.building.builds import ways
from daemons.building.builds.build import Settings
from daemons.building.builds.outcomes import Killed, Outcome, Suspicious
from daemons.building.builds.recipe import log_name
from daemons.building.environment import DepWait
from daemons.building.layers.extra import Extra
from daemons.building.layers.installing import Keeping, Layered
from daemons.command import bases
from daemons.command.words import words_of
from queues import names
from queues.clock import utc
from queues.outcomes import Later
from queues.problem import Problem
from queues.values import BuildJob, BuildResult, FileRef, Option, Profile

_PR_SET_PDEATHSIG = 1


class NotASource(Problem):
    """A .dsc that cannot be read, or whose files are not there or not the ones it names."""


@click.command()
@click.argument("dsc", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE.dsc")
@click.option("--suite", required=True, metavar="SUITE", help="A Debian suite (bookworm), or one of the site's.")
@click.option("--arch", "architecture", metavar="ARCH", help="An architecture, or 'all'; else this machine's own.")
@click.option("--output", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Where results go.")
@click.option("--base-cache", type=click.Path(path_type=Path), metavar="DIR", help="Where bases are kept.")
@click.option("--parallel", default=os.cpu_count() or 1, show_default=True, help="parallel=N in DEB_BUILD_OPTIONS.")
@click.option("--options", metavar="WORDS", type=words_of(Option), help="DEB_BUILD_OPTIONS; else the suite's.")
@click.option("--profiles", metavar="WORDS", type=words_of(Profile), help="DEB_BUILD_PROFILES; else the suite's.")
def command(
    dsc: Path,
    suite: str,
    architecture: str | None,
    output: Path,
    base_cache: Path | None,
    parallel: int,
    options: tuple[str, ...] | None,
    profiles: tuple[str, ...] | None,
) -> None:
    """Build one source package in a clean environment: '-B' for an architecture, '-A' for 'all'.

    The results and the log are written to DIR. Exit status 0: built; 1: not built, and the reason is said.
    """
    output.mkdir(parents=True, exist_ok=True)
    job = _job(dsc, suite, architecture or bases.native())
    given = {"options": options, "profiles": profiles}
    wishes = {what: words for what, words in given.items() if words is not None}
    with _staged(job, dsc.parent) as (sources, out):
        built = _as_account(lambda: _build(job, wishes, sources, out, base_cache, parallel))
        _copy_out(job, out, output, only_log=not built)
    sys.exit(0 if built else 1)


def _build(
    job: BuildJob, wishes: Mapping[str, tuple[str, ...]], sources: Path, out: Path, cache: Path | None, parallel: int
) -> bool:
    where, site = bases.cache(cache), bases.site()
    rules = bases.rules(site, job.suite)
    job = replace(job, **{"options": rules.build_options, "profiles": rules.build_profiles, **wishes})
    base = bases.base(where, rules.base, rules.builds_on(job.architecture))
    click.echo(
        f"building {job.source} {job.version} for {job.architecture} over {base.path.name}; "
        f"the log is {out / log_name(job)}",
        err=True,
    )
    archives = site.local_archives(job.suite) if site and job.suite in site.settings.suites else []
    kept = site.settings.build if site else settings.Build()
    keeping, network = Keeping(kept.layers_size, kept.indices_minutes * 60), job.source in rules.network
    extra = Extra(rules.sources, rules.preferences)
    fresh = Layered(base, archives, utc, keeping, extra=extra, network=network)
    outcome = ways.way(rules.environment, fresh)(job, sources, out, utc, Settings(kept.limits, parallel))
    built = isinstance(outcome, BuildResult) and outcome.verdict == "built"
    click.echo(f"{job.source} {job.version} {job.architecture}: {_in_words(outcome)}", err=not built)
    return built


def _in_words(outcome: Outcome) -> str:
    match outcome:
        case BuildResult(verdict="built"):
            return "built"
        case BuildResult(phase=phase, reason=reason):
            return f"failed ({phase}): {reason}"
        case DepWait(missing):
            return f"cannot be built now, for these build dependencies are missing: {missing}"
        case Suspicious(reason):
            return f"results that are not this package's: {reason}"
        case Later(reason) | Killed(reason):
            return f"the machine failed, not the package; try again: {reason}"


def _job(dsc: Path, suite: str, architecture: str) -> BuildJob:
    """Read what is to be built. Raises NotASource."""
    try:
        (fields,) = reading.read([dsc])
    except reading.Unreadable as unreadable:
        raise NotASource(f"{dsc}: {unreadable}") from None
    source, version = fields.get("Source", ""), fields.get("Version", "")
    if not names.SOURCE.fullmatch(source) or not names.VERSION.fullmatch(version):
        raise NotASource(f"{dsc}: no Source and Version that can be used")
    itself = _reference(dsc)
    files = (itself, *_named(dsc, fields.get("Checksums-Sha256", "")))
    upload = names.upload_key(source, version, itself.sha256)
    return BuildJob(upload, source, version, architecture, suite, itself, files)


def _named(dsc: Path, checksums: str) -> Iterator[FileRef]:
    """Give the files that a .dsc names, and which lie beside it. Raises NotASource."""
    lines = [line.split() for line in checksums.splitlines() if line.strip()]
    if not lines:
        raise NotASource(f"{dsc}: it names no files with SHA256 (Checksums-Sha256)")
    for sha256, size, name in lines:
        path = dsc.parent / Path(name).name
        if not path.is_file():
            raise NotASource(f"{path}: named by {dsc.name}, but it is not there")
        if _reference(path) != FileRef(name, int(size), sha256):
            raise NotASource(f"{path}: not the file that {dsc.name} names")
        yield FileRef(name, int(size), sha256)


def _reference(path: Path) -> FileRef:
    with path.open("rb") as file:
        return FileRef(path.name, path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())


@contextmanager
def _staged(job: BuildJob, directory: Path) -> Iterator[tuple[Path, Path]]:
    """Give copies of the sources, and a place for results, both within reach of the account that builds."""
    with tempfile.TemporaryDirectory(prefix="debmill-build-", dir="/var/tmp") as name:
        work = Path(name)
        sources, out = work / "sources", work / "out"
        for path in (work, sources, out):
            account.own(path)
        for file in job.files:
            shutil.copyfile(directory / file.name, sources / file.name)
            (sources / file.name).chmod(0o644)
        yield sources, out


def _copy_out(job: BuildJob, out: Path, output: Path, *, only_log: bool) -> None:
    for path in out.iterdir():
        if path.name == log_name(job) or not only_log:
            (output / path.name).unlink(missing_ok=True)
            shutil.copyfile(path, output / path.name, follow_symlinks=False)
            click.echo(str(output / path.name))


def _as_account(work: Callable[[], bool]) -> bool:
    """Do the work in a child that gives up root, and dies with us."""
    child = os.fork()
    if child == 0:
        _be_the_child(work)
    try:
        _, status = os.waitpid(child, 0)
    except KeyboardInterrupt:  # the child got it, too, and cleans up
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _be_the_child(work: Callable[[], bool]) -> NoReturn:
    status = 1
    try:
        account.give_up_root()
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        status = 0 if work() else 1
    except Problem as problem:
        click.echo(f"debmill: {problem}", err=True)
    except BaseException:  # noqa: BLE001 -- a child of fork may not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)
