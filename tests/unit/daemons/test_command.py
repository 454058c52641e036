"""The command as a newcomer meets it: quick help, sentences instead of tracebacks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from daemons.command import COMMANDS
from daemons.command import command as root
from tests.support.mill import installed, place, remove_site

ROOT = Path(__file__).parents[3]
HEAVY = {"msgspec", "paramiko", "pysequoia", "rich", "jinja2", "watchdog", "debian", "logging"}


def debmill(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(installed()), "--site", str(site), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def site() -> Iterator[Path]:
    """Where a site could be made; nothing is there yet."""
    site = place(f"command-{os.getpid()}")
    yield site
    remove_site(site)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from daemons.command import command\n"
        "command(['--help'], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert not HEAVY & set(ran.stderr.split())
    assert all(name in ran.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_is_there_and_has_help(name: str) -> None:
    found = root.get_command(click.Context(root), name)

    assert isinstance(found, click.Command)
    for part in (found, *(found.commands.values() if isinstance(found, click.Group) else ())):
        assert part.help
        assert all(option.help for option in part.params if isinstance(option, click.Option))


def test_no_site_is_one_sentence_that_says_what_to_do(site: Path) -> None:
    ran = debmill(site, "status")

    assert ran.returncode == 1
    assert "debmill init" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_wrong_usage_is_two(site: Path) -> None:
    assert debmill(site, "status", "--wrong").returncode == 2


def test_an_address_that_is_none_is_said_before_anything_is_made(site: Path) -> None:
    ran = debmill(site, "init", "--listen", "here")

    assert (ran.returncode, "HOST:PORT" in ran.stderr) == (1, True)
    assert not site.exists()


def test_init_takes_no_directory_that_holds_other_things(site: Path) -> None:
    site.mkdir()
    (site / "thesis.tex").write_text("mine")
    owner = site.stat().st_uid
    ran = debmill(site, "init")

    assert (ran.returncode, "not empty" in ran.stderr) == (1, True)
    assert [path.name for path in site.iterdir()] == ["thesis.tex"]
    assert site.stat().st_uid == owner
