"""Settings written out, as a file that explains itself: the sample, a new site's own, and `debmill config show`."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from daemons.settings import Settings
from queues.values import Suite
from review.policy.values import Policy


def sample(suites: dict[str, Suite], changed: Settings | None = None) -> str:
    """Write a configuration file with every setting, its description and its value; defaults are commented out."""
    settings = changed or Settings()
    lines = ["# Settings of a debmill site. What is commented out is the default."]
    for name in ("intake", "build", "evidence", "mail", "notices", "report", "archive", "keep"):
        lines += _table(name, getattr(settings, name), {})
    lines += ["", "# Groups of uploaders, that policies may name: NAME = [uploaders].", "[groups]"]
    lines += [f"{_toml(name)} = {_toml(members)}" for name, members in settings.groups.items()]
    for name, suite in suites.items():
        lines += _table(f"suites.{name}", suite, {"name": suite.name})
        lines += _table(f"policies.{name}", settings.policies.get(name, Policy()), {})
    return "\n".join(lines) + "\n"


def _table(title: str, value: Struct, without: dict[str, Any]) -> list[str]:
    kind = type(value)
    lines = ["", f"# {(kind.__doc__ or '').splitlines()[0]}", f"[{title}]"]
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        if field.name in without:
            continue
        found = getattr(value, field.name)
        mark = "# " if found == field.default else ""
        lines += [f"# {hints[field.name].__metadata__[0].description}", f"{mark}{field.name} = {_toml(found)}"]
    return lines


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value) if isinstance(value, str) else str(value)  # of which TOML's basic strings are a superset
