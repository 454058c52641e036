"""`debmill archive snapshots` and its like: what was published before, the way back, and what nobody needs any more."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from itertools import islice
from typing import Any

import click
import msgspec

from archive.catalogue import dists_of
from archive.keeping.comparing import Difference
from archive.keeping.keeper import Snapshot
from archive.keeping.records import Rollback
from daemons.command.patience import in_time
from daemons.sites import Site, pass_site
from queues import names
from queues.clock import utc
from queues.journal import Line
from queues.rooms import Room
from queues.spool import Queue

SHOWN = 4  # packages that a line names
OVER = (Room.DONE, Room.FAILED, Room.REJECTED, Room.TMP)
reason_option = click.option("--reason", "-m", default="no reason given", help="Why; 'snapshots' shows it.")
as_person = click.option("--as", "person", metavar="WHO", help="Who does it; else the user.")
as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.command()
@click.option("--suite", help="Only publications of this suite.")
@click.option("--last", type=click.IntRange(1), help="Only so many, the newest.")
@as_json_option
@pass_site
def snapshots(site: Site, suite: str | None, last: int | None, *, as_json: bool) -> None:
    """List what was published: what came and went with each publication, and how much only it holds.

    \b
    *   published now          pinned  stays until it is unpinned
    +   came, with its version         -  went         >  another version

    Each is an archive of its own: clients use URL/snapshots/ID instead of URL. Old ones are thinned as the settings
    [keep] say; those that are published now or pinned stay.
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    wanted = {*dists_of(site.suite(suite))} if suite else None
    found = (one for one in site.keeper.snapshots() if wanted is None or wanted & {*one.dists})
    chosen = list(islice(found, last))
    if as_json:
        _print(chosen)
        return
    from rich.filesize import decimal
    from rich.table import Table

    from daemons.command.tables import console

    table = Table("", "ID", "Suites", "Changes", "Alone", "", box=None, pad_edge=False)
    for one in chosen:
        mark = "*" if one.current else ""
        table.add_row(mark, one.id, " ".join(one.dists), _short(one.differences), decimal(one.alone), _about(one))
    console().print(table)


@click.command()
@click.argument("one", metavar="A")
@click.argument("other", metavar="B")
@as_json_option
@pass_site
def diff(site: Site, one: str, other: str, *, as_json: bool) -> None:
    """Show which sources and binaries came, went and changed their version from snapshot A to snapshot B.

    Of each suite that A or B is a publication of; where one is not, with what the suite was at that time. An ID may be
    cut short as long as only one begins so.
    """
    found = site.keeper.compare(site.keeper.find(one), site.keeper.find(other))
    if as_json:
        _print(found)
        return
    for difference in found:
        click.echo(
            f"{difference.dist}: {difference.package} ({difference.architecture}) "
            f"{difference.before or 'came:'} {'->' if difference.before and difference.after else ''} "
            f"{difference.after or 'went'}".replace("  ", " ")
        )
    if not found:
        click.echo("the packages are the same")


@click.command()
@click.argument("name", metavar="ID")
@reason_option
@as_person
@pass_site
def pin(site: Site, name: str, reason: str, person: str | None) -> None:
    """Let snapshot ID stay, whatever the settings say, until it is unpinned."""
    snapshot = site.keeper.find(name)
    site.keeper.pin(snapshot, person or _user(), reason, utc())
    click.echo(f"{snapshot} stays")


@click.command()
@click.argument("name", metavar="ID")
@pass_site
def unpin(site: Site, name: str) -> None:
    """Let snapshot ID go when its time comes."""
    snapshot = site.keeper.find(name)
    was = site.keeper.unpin(snapshot)
    click.echo(f"{snapshot} goes when its time comes" if was else f"{snapshot} was not pinned")


@click.command()
@click.argument("suite")
@click.argument("name", metavar="[ID]", required=False)
@reason_option
@as_person
@as_json_option
@pass_site
def rollback(site: Site, suite: str, name: str | None, reason: str, person: str | None, *, as_json: bool) -> None:
    """Publish SUITE again as it was in snapshot ID (default: the last one with other packages), signed with a new date.

    SUITE-debug and the feeds for opkg go back with it. Packages never move back by themselves on machines that have the
    newer ones. No file name is ever used again for other content: what is to replace a package that was taken back
    needs a new version. The way forward is the same command with the ID of the newer snapshot.
    """
    current = site.repository.current(site.suite(suite).name)
    restored = site.keeper.find(name) if name else site.keeper.before(suite)
    if current is None:
        raise click.UsageError(f"{suite} was never published")
    what = Rollback(suite, current, restored, person or _user(), reason)
    snapshot = in_time(lambda: site.repository.rollback(what, utc()))
    differences = [one for one in site.keeper.compare(current, snapshot) if one.dist in dists_of(site.suite(suite))]
    facts = {"restored": restored, "undone": current, "by": what.by, "reason": reason}
    site.spool.journal.write(Line(utc(), "rolled back", f"{suite} {snapshot}", facts=facts))
    if as_json:
        _print({"snapshot": snapshot, "rollback": what, "differences": differences})
        return
    click.echo(f"published {suite} as {snapshot}, as it was in {restored}: {_short(differences)}")
    click.echo("Machines that have newer packages keep them: 'apt-get install PACKAGE=VERSION' takes one back there.")
    click.echo(f"To undo this: debmill archive rollback {suite} {current}")


@click.command()
@click.option("--dry-run", "-n", is_flag=True, help="Only show what would go.")
@as_json_option
@pass_site
def gc(site: Site, *, dry_run: bool, as_json: bool) -> None:
    """Remove snapshots whose time is over, and the files of the pool that no snapshot names any more.

    Never of a source that is anywhere in the queues, nor the source that a binary which stays was built of or with
    (Built-Using). Names of removed files are never used again. Daemons may run meanwhile.
    """
    with site.spool.lock("taking"):  # intake links tarballs of the pool
        swept = site.keeper.sweep(site.settings.thinning, utc(), _underway(site), dry_run=dry_run)
    if as_json:
        _print(swept)
        return
    from rich.filesize import decimal

    for name in (*swept.snapshots, *swept.files):
        click.echo(name)
    would = "would go" if dry_run else "are gone"
    click.echo(f"{len(swept.snapshots)} snapshots and {len(swept.files)} files of {decimal(swept.size)} {would}")


COMMANDS = (snapshots, diff, pin, unpin, rollback, gc)


def _underway(site: Site) -> set[str]:
    """Name the sources that something in the queues is of."""
    queues: list[Queue[Any]] = [*site.spool.uploads(), *site.spool.builds()]
    keys = (one.key for queue in queues for room in queue.rooms if room not in OVER for one in queue.names(room))
    return {names.split(key).source for key in keys}


def _short(differences: Sequence[Difference]) -> str:
    """Say in a few words what came and went; what stands in several indices is said once."""
    words = list(dict.fromkeys(map(_word, differences)))
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return " ".join(words[:SHOWN]) + more if words else "the same packages"


def _word(one: Difference) -> str:
    if not one.before:
        return f"+{one.package} {one.after}"
    return f">{one.package} {one.after}" if one.after else f"-{one.package} {one.before}"


def _about(one: Snapshot) -> str:
    said = [f"pinned by {one.pin.by}: {one.pin.reason}"] if one.pin else []
    if back := one.rollback:
        said.append(f"{back.suite} went back to {back.restored}, by {back.by}: {back.reason}")
    return "; ".join(said)


def _user() -> str:
    return os.environ.get("SUDO_USER") or getpass.getuser()


def _print(what: object) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(what)).decode())
