"""The `debmill` command: a table of subcommands, each imported when it is called.

What a person has to mend is said in one or two lines on stderr, with exit status 1; wrong usage is 2.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from queues.problem import Problem

# name: what `debmill --help` says of it; its module has the same name (but see MODULES), its `command` is the command.
COMMANDS = {
    "init": "Make a site: keys, configuration, queues, an empty signed archive.",
    "run": "Run all daemons of a site as one supervised process tree.",
    "daemon": "Run one daemon: intake, evidence, master, build, include or notify.",
    "drain": "Let daemons finish what they have in hand, and stop.",
    "status": "Show the queues and what each daemon does.",
    "report": "Show what has waited too long, and why.",
    "why": "Tell the story of an upload: every state, and what caused it.",
    "log": "Show the log of a build.",
    "events": "Show what was told of uploads, also while it happens.",
    "doctor": "Check everything a site has against each other, and repair it.",
    "uploader": "Say who may upload.",
    "reviewer": "Say who may decide.",
    "review": "Look at waiting uploads, and accept or reject them.",
    "gate": "Decide for an upload that the gate withholds.",
    "queue": "List, hold, release, give back, cancel and raise what is in the queues.",
    "environment": "Make and look into clean build environments.",
    "build": "Build one source package in a clean environment, without any queue.",
    "archive": "Look at and publish the archive.",
    "config": "Show, check or explain the settings.",
}
MODULES = {"queue": "entries"}  # a module `queue` would be mistaken for the standard library's


class Table(click.Group):
    """A group whose subcommands are imported one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """Name them in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- as above
        """Import one subcommand."""
        if cmd_name not in COMMANDS:
            return None
        found: click.Command = import_module(f"daemons.command.{MODULES.get(cmd_name, cmd_name)}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- as above
        """Write the table without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Table, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--site", metavar="DIR", help="The site; else DEBMILL_SITE, else ./site, else /var/lib/debmill.")
@click.version_option(package_name="debmill")
@click.pass_context
def command(context: click.Context, site: str | None) -> None:
    """Turn a stream of source packages into a signed archive.

    Uploads come by SFTP and wait for review; what a reviewer accepts is built in clean environments for every
    architecture of its suite, and published for apt when its gate says so. All state is files: 'ls' is the monitor.

    \b
    A first site:      debmill --site DIR init --suite demo
    Who may upload:    debmill uploader add NAME --ssh-key F --openpgp-key F
    Run it:            debmill run
    Decide:            debmill review list; debmill review accept ID
    Ask:               debmill status; debmill why NAME
    """  # noqa: D301 -- click reads the control character as "do not wrap"
    from daemons import settings

    context.obj = settings.locate(site)  # links are followed now: after root is given up, they may not be


def main() -> None:
    """Run the command, and tell problems as sentences."""
    try:
        command(prog_name="debmill")
    except Problem as problem:
        sys.exit(f"debmill: {problem}")
    except OSError as error:
        sys.exit(f"debmill: {error.filename or 'the system'}: {error.strerror or error}")
