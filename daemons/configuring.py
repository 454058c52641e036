"""A configuration file, read: settings that fit their table, and each other."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from daemons.settings import Settings, WrongSettings
from review.policy import judging
from review.policy.rules import RULES
from review.policy.values import Policy


def read(path: Path) -> Settings:
    """Read a configuration file. Raises WrongSettings."""
    try:
        return parse(path.read_text())
    except FileNotFoundError:
        raise WrongSettings(f"{path} does not exist: this is no site; make one with 'debmill init'") from None
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{path}: {error}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise WrongSettings(f"{path}: {error}; 'debmill config sample' shows what may stand there") from None


def parse(text: str) -> Settings:
    """Read settings from TOML; a policy that is the default's is none. Raises TOMLDecodeError, ValidationError."""
    fields = tomllib.loads(text)
    for name, table in fields.get("suites", {}).items():
        if isinstance(table, dict):
            table["name"] = name
    found = _distinct(msgspec.convert(fields, Settings))
    _check_slots(found)
    for name, policy in found.policies.items():
        _check_policy(name, policy, found)
    policies = {name: policy for name, policy in found.policies.items() if policy != Policy()}
    return msgspec.structs.replace(found, policies=policies)


def _distinct(settings: Settings) -> Settings:
    """Give settings back whose suites have names of their own. Raises ValidationError."""
    from archive.catalogue import aliases_of, dists_of

    names = [name for suite in settings.suites.values() for name in (*dists_of(suite), *aliases_of(suite))]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise msgspec.ValidationError(f"two suites would be published as '{twice[0]}': change a codename or an alias")
    return settings


def _check_slots(settings: Settings) -> None:
    """Check that slots serve what there is, and all of it, for a job that nobody serves would wait for ever."""
    serves, known = settings.build.serves, {*settings.architectures(), "all"}
    served = {name for slot in serves for name in slot}
    if unknown := sorted(served - known):
        raise msgspec.ValidationError(f"no suite is built for '{unknown[0]}' - at `$.build.serves`")
    every_one = len(serves) < settings.build.slots or not all(serves)
    if not every_one and (left := sorted(known - served)):
        raise msgspec.ValidationError(f"no slot serves '{left[0]}' - at `$.build.serves`")


def _check_policy(name: str, policy: Policy, settings: Settings) -> None:
    if name not in settings.suites:
        raise msgspec.ValidationError(f"there is no suite for the policy - at `$.policies.{name}`")
    if unknown := judging.unknown(policy):
        raise msgspec.ValidationError(
            f"there is no rule '{unknown[0]}' - at `$.policies.{name}`; there are: {', '.join(RULES)}"
        )
    if strangers := [group for group in policy.accept_groups if group not in settings.groups]:
        raise msgspec.ValidationError(f"there is no group '{strangers[0]}' in [groups] - at `$.policies.{name}`")
