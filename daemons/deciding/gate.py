"""The gate: when every architecture of an upload's plan has a result, what becomes of the upload. Pure.

The absence of a job proves nothing; only a result does. What a gate asks for was written into the plan's `required`
at dispatch: `no-regression` requires the architectures that had binaries of the source published, `complete` all of
them, `built` none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from queues.values import BuildResult, Gate, Plan


class Wait(Struct, frozen=True):
    """Architectures without a result."""

    missing: tuple[str, ...]


class Include(Struct, frozen=True):
    """The upload moves to the archive queue, with what these architectures built."""

    built: tuple[str, ...]


class Withhold(Struct, frozen=True):
    """The gate is not met though something succeeded: for a person to decide."""

    reason: str


class Abandon(Struct, frozen=True):
    """Nothing succeeded."""

    reason: str


Decision = Wait | Include | Withhold | Abandon


def required(gate: Gate, architectures: Sequence[str], published: Sequence[str]) -> tuple[str, ...]:
    """Name the architectures that must succeed; `published` are those that have binaries of this source now."""
    if gate == "complete":
        return tuple(architectures)
    return tuple(name for name in architectures if gate == "no-regression" and name in published)


def decide(plan: Plan, results: Mapping[str, BuildResult], *, released: bool = False) -> Decision:
    """Decide from a plan and the results there are; `released`: a person said that the gate shall not count."""
    missing = tuple(name for name in plan.architectures if name not in results)
    built = tuple(name for name in plan.architectures if name in results and results[name].verdict == "built")
    if missing and not (released and built):
        return Wait(missing)
    if not built:
        return Abandon("; ".join(f"{name}: {results[name].reason}" for name in plan.architectures))
    unmet = _unmet(plan, built)
    return Include(built) if released or not unmet else Withhold(unmet)


def _unmet(plan: Plan, built: Sequence[str]) -> str:
    failed = [name for name in plan.required if name not in built]
    if failed:
        return f"the gate '{plan.gate}' asks for {', '.join(failed)}, which failed"
    if tuple(built) == ("all",) and plan.architectures != ("all",):
        return "only 'all' was built, and the source has architecture-dependent packages"
    return ""
