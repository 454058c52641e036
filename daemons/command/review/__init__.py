"""`debmill review`: the reviewer's desk as commands, each thin over `review.desk` and the evidence."""

from __future__ import annotations

import click

from daemons.command.review import deciding, looking


@click.group()
def command() -> None:
    """Look at waiting uploads, and accept or reject them.

    An ID is what 'list' shows; the source's name is enough when only one upload of it waits.

    \b
    What waits:        debmill review list
    What changed:      debmill review show ID; debmill review diff ID
    Decide:            debmill review accept ID; debmill review reject ID -m WHY
    Took the wrong:    debmill review undo ID
    """  # noqa: D301 -- click reads the control character as "do not wrap"


for one in (*looking.COMMANDS, *deciding.COMMANDS):
    command.add_command(one)
