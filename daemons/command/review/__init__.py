"""`debmill review`: the full-screen tool, and the desk as commands, each thin over `review.desk` and the evidence."""

from __future__ import annotations

import sys

import click

from daemons.command.review import deciding, looking, opening


@click.group(invoke_without_command=True)
@deciding.as_reviewer
@click.pass_context
def command(context: click.Context, reviewer: str | None) -> None:
    """Look at waiting uploads, and accept or reject them.

    Without a COMMAND, on a terminal, this opens the full-screen tool; '?' shows its keys. The commands do the same, one
    thing at a time. An ID is what 'list' shows; the source's name is enough when only one upload of it waits.

    \b
    All of it:         debmill review
    What waits:        debmill review list
    What changed:      debmill review show ID; debmill review diff ID
    Decide:            debmill review accept ID; debmill review reject ID -m WHY
    Several as one:    debmill review set ID ID
    Took the wrong:    debmill review undo ID
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    if context.invoked_subcommand is not None:
        if reviewer:
            raise click.UsageError("--as stands behind the command: debmill review COMMAND --as NAME")
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(context.get_help())
        context.exit(2)
    opening.open_tool(reviewer)


for one in (*looking.COMMANDS, *deciding.COMMANDS):
    command.add_command(one)
