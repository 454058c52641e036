"""`debmill archive`: what is published, publish again, and put files in without a queue."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
import msgspec

from archive.inclusion import Included, Inclusion, Refusal
from archive.repository import Repository
from archive.stanzas import Stanza
from daemons.command import snapshots, staging
from daemons.command.patience import in_time
from daemons.sites import Site, pass_site
from queues.clock import utc
from queues.problem import Problem


@click.group()
def command() -> None:
    """Look at the published archive, publish it again, go back, or include files by hand."""


for one in snapshots.COMMANDS:
    command.add_command(one)


@command.command(name="list")
@click.option("--suite", "only", metavar="SUITE", help="Only this suite.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@pass_site
def list_(site: Site, only: str | None, *, as_json: bool) -> None:
    """List the sources of each suite with their binaries by architecture, also where only binaries came."""
    rows = [row for suite in ([only] if only else site.settings.suites) for row in _rows(site.repository, suite)]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows)).decode())
        return
    from rich.table import Table

    from daemons.command.tables import console

    table = Table("Suite", "Source", "Version", "Architectures", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["suite"], row["source"], row["version"], " ".join(row["architectures"]) or "(source only)")
    console().print(table)


@command.command()
@click.argument("suite", required=False)
@click.option("--url", help="Where the archive is served; default: [archive] url of the settings, else its files here.")
@click.option("--json", "as_json", is_flag=True, help="Print a list of objects.")
@pass_site
def sources(site: Site, suite: str | None, url: str | None, *, as_json: bool) -> None:
    """Show what users of SUITE (default: all) write down: apt's sources with the key, and opkg's feeds."""
    from daemons.telling import subscribing

    where = (url or site.settings.archive.url or f"file://{site.archive}").rstrip("/")
    certificate, key = (site.archive / "keys/archive.asc").read_text(), site.repository.feed_key()
    names = [suite] if suite else list(site.settings.suites)
    found = [subscribing.subscription(site.suite(name), where, certificate, key) for name in names]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found)).decode())
    else:
        click.echo("\n".join(map(subscribing.printed, found)), nl=False)


@command.command()
@click.argument("suite", required=False)
@pass_site
def publish(site: Site, suite: str | None) -> None:
    """Publish SUITE (default: all) again, as it is, signed anew with a new date."""
    names = [suite] if suite else list(site.settings.suites)
    snapshot = in_time(lambda: site.repository.publish(names, utc()))
    click.echo(f"published {', '.join(names)} as {snapshot}")


def _open_all(_: click.Context, __: click.Parameter, paths: Sequence[str]) -> dict[str, BinaryIO]:
    # Opened while a command started as root still is root; the account need not be able to read them.
    opened: dict[str, BinaryIO] = {}
    for path in map(Path, paths):
        opened[path.name] = _open(path)
        if path.suffix in (".changes", ".dsc"):
            named = staging.beside(path, opened[path.name])
            opened |= {other.name: _open(other) for other in named if other.name not in opened}
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
    """Include FILES in a suite as one publication: .changes or .dsc (with what they name beside them), .debs.

    They may be of any number of sources; if one is refused, nothing is included. No signature is asked for: whoever
    may run this decides.
    """
    with staging.staged(site.archive, files) as copies:
        many = sum(copy.path.suffix in (".dsc", ".deb") for copy in copies) > 1
        put = partial(site.repository.import_files, suite, copies)
        put_one = partial(site.repository.include_files, suite, [copy.path for copy in copies])
        done = _included(lambda: (put if many else put_one)(utc()), suite)
    if done:
        click.echo(f"included in {suite} as {done.snapshot}: {' '.join(done.packages) or 'the source'}")


@command.command(name="import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--suite", required=True, help="The suite to include them in.")
@pass_site
def import_(site: Site, paths: tuple[Path, ...], suite: str) -> None:
    """Include very many files in a suite as one publication: all .debs and .dscs of PATHS, files or directories.

    Each is checked as if it came alone; if one is refused, nothing is included. With a .dsc comes what it names beside
    it. The service account must be able to read the files. No signature is asked for: whoever may run this decides.
    """
    files = staging.found(paths)
    if not files:
        raise Problem(f"{paths[0]}: no .deb and no .dsc here")
    with staging.staged(site.archive, files) as copies:
        done = _included(lambda: site.repository.import_files(suite, copies, utc()), suite)
    if done:
        size = sum(copy.ref.size for copy in copies) / 1e6
        click.echo(f"included {len(done.packages)} packages ({size:.0f} MB) in {suite} as {done.snapshot}")


def _included(publish: Callable[[], Inclusion], suite: str) -> Included | None:
    """Include, and give what was; None, and a word, where nothing had to be. Raises Problem."""
    match in_time(publish):
        case Refusal(reason):
            raise Problem(reason)
        case Included() as done:
            return done
    click.echo(f"{suite} has all of it already; nothing was changed")
    return None


def _rows(repository: Repository, suite: str) -> Iterator[dict[str, Any]]:
    catalogue = repository.catalogue(suite)
    built: defaultdict[tuple[str, str], dict[Stanza, None]] = defaultdict(dict)
    for one in catalogue.binaries():  # one for all architectures stands in several indices
        built[one.source, one.source_version][one] = None
    sources = {(source.package, source.version) for source in catalogue.sources()}
    for source, version in sorted(sources | built.keys()):
        found = [*built[source, version]]
        yield {
            "suite": suite,
            "source": source,
            "version": version,
            "architectures": sorted({one.architecture for one in found}),
            "binaries": [
                {"package": one.package, "version": one.version, "architecture": one.architecture} for one in found
            ],
        }
