"""`debmill archive`: what is published, publish again, and put files in without a queue."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click
import msgspec
from rich.table import Table

from archive.pool import plain
from archive.repository import Included, Refusal, Repository, TooSoon
from daemons.command.tables import console
from daemons.sites import Site, pass_site
from queues import atomic
from queues.clock import utc
from queues.problem import Problem

T = TypeVar("T")
_NAMED = re.compile(rb"^ [0-9a-f]{64} [0-9]+ (\S+)$", re.MULTILINE)
_LARGEST = 4 << 20


@click.group()
def command() -> None:
    """Look at the published archive, publish it again, or include files by hand."""


@command.command(name="list")
@click.option("--suite", "only", metavar="SUITE", help="Only this suite.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@pass_site
def list_(site: Site, only: str | None, *, as_json: bool) -> None:
    """List the sources of each suite, with their binaries by architecture."""
    rows = [row for suite in ([only] if only else site.settings.suites) for row in _rows(site.repository, suite)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    table = Table("Suite", "Source", "Version", "Architectures", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["suite"], row["source"], row["version"], " ".join(row["architectures"]) or "(source only)")
    console().print(table)


@command.command()
@click.argument("suite", required=False)
@pass_site
def publish(site: Site, suite: str | None) -> None:
    """Publish SUITE (default: all) again, as it is, signed anew with a new date."""
    names = [suite] if suite else list(site.settings.suites)
    snapshot = _in_time(lambda: site.repository.publish(names, utc()))
    click.echo(f"published {', '.join(names)} as {snapshot}")


def _open_all(_: click.Context, __: click.Parameter, paths: Sequence[str]) -> dict[str, BinaryIO]:
    # Opened while a command started as root still is root; the account need not be able to read them.
    opened: dict[str, BinaryIO] = {}
    for path in map(Path, paths):
        opened[path.name] = _open(path)
        if path.suffix in (".changes", ".dsc"):
            named = [match.decode() for match in _NAMED.findall(opened[path.name].read(_LARGEST))]
            beside = [path.with_name(name) for name in named if plain(name) and path.with_name(name).is_file()]
            opened |= {other.name: _open(other) for other in beside if other.name not in opened}
    return opened


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from None


@command.command()
@click.argument("files", nargs=-1, required=True, callback=_open_all)
@click.option("--suite", required=True, help="The suite to include them in.")
@pass_site
def include(site: Site, files: dict[str, BinaryIO], suite: str) -> None:
    """Include FILES of one source in a suite: a .changes or .dsc (with what it names beside it), or .debs.

    No signature is asked for: whoever may run this decides.
    """
    with _staged(site.archive, files) as copies:
        outcome = _in_time(lambda: site.repository.include_files(suite, copies, utc()))
    match outcome:
        case Refusal(reason):
            raise Problem(reason)
        case Included(snapshot, packages):
            click.echo(f"included in {suite} as {snapshot}: {' '.join(packages) or 'the source'}")
        case _:
            click.echo(f"{suite} has all of it already; nothing was changed")


@contextmanager
def _staged(archive: Path, files: dict[str, BinaryIO]) -> Iterator[list[Path]]:
    """Copy files to where they can be linked into the pool; nobody else has them open for writing there."""
    stage = Path(tempfile.mkdtemp(prefix=".including-", dir=archive.parent))
    try:
        for name, file in files.items():
            if not name.endswith((".changes", ".buildinfo", ".upload")):
                file.seek(0)
                with atomic.disk.open_new(stage / name) as copy:
                    shutil.copyfileobj(file, copy)
                atomic.disk.sync(stage / name)
        yield sorted(stage.iterdir())
    finally:
        atomic.remove(stage)


def _in_time(publish: Callable[[], T | TooSoon]) -> T:
    while isinstance(outcome := publish(), TooSoon):
        wait = (outcome.not_before - utc()).total_seconds()
        if wait > 60:
            raise Problem(f"the last publication is of {outcome.not_before:%F %T} UTC: is the clock wrong?")
        time.sleep(max(wait, 0))
    return outcome


def _rows(repository: Repository, suite: str) -> Iterator[dict[str, Any]]:
    catalogue = repository.catalogue(suite)
    for source in catalogue.sources():
        built = [one for one in catalogue.binaries_of(source.package) if one.source_version == source.version]
        yield {
            "suite": suite,
            "source": source.package,
            "version": source.version,
            "architectures": sorted({one.architecture for one in built}),
            "binaries": [
                {"package": one.package, "version": one.version, "architecture": one.architecture} for one in built
            ],
        }
