"""`debmill drain`: let daemons stop."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import suppress

import click

from daemons.process import presence
from daemons.process.presence import SUPERVISOR, State
from daemons.sites import Site, pass_site
from queues.problem import Problem


class NotRunning(Problem):
    """A daemon that cannot be stopped, for it does not run."""


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--now", is_flag=True, help="Give back what is in hand, and end within seconds.")
@pass_site
def command(site: Site, names: tuple[str, ...], now: bool) -> None:
    """Let the daemons NAME, or all of them, take nothing new, finish what they have in hand, and stop.

    A build gets [build] drain_seconds. NAME is as 'debmill status' shows it. What was stopped is started again by
    'debmill run', or by SIGHUP to the supervisor where that still runs.
    """
    alive = {state.name: state for state in presence.states(site.run) if state.state != "dead" and state.pid}
    for state in _chosen(alive, names):
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(state.pid, signal.SIGQUIT if now else signal.SIGTERM)
        click.echo(f"{state.name} {_what(state, now=now)}")


def _chosen(alive: dict[str, State], names: Sequence[str]) -> list[State]:
    """Choose who is told: the supervisor tells all others. Raises NotRunning."""
    missing = [name for name in names if name not in alive]
    if missing or not alive:
        known = ", ".join(sorted(alive)) or "none"
        raise NotRunning(f"{', '.join(missing) or 'nothing'}: no daemon that runs; there are: {known}")
    wanted = names or ([SUPERVISOR] if SUPERVISOR in alive else sorted(alive))
    return [alive[name] for name in wanted]


def _what(state: State, *, now: bool) -> str:
    """Say what the daemon does next."""
    if state.name == SUPERVISOR:
        return f"ends with its daemons, which {'give back' if now else 'finish'} what they have in hand"
    entry = state.entry.partition(".")[2]
    if not entry:
        return "takes nothing new and ends"
    return f"gives {entry} back and ends" if now else f"ends when it has finished {entry}"
