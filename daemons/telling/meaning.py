"""What it means that an entry is where it is: in words, with what caused it, and what one can do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from msgspec import Struct

from queues import names
from queues.history import Event
from queues.names import Key
from queues.rooms import Room

SUPERSEDED, HELD, WITHHELD, DEP_WAIT, SET_WAIT = "superseded", "held", "withheld", "dep-wait", "set-wait"
ASKED = "asked"  # by a reviewer, of who sent it
WITHDRAWN = "withdrawn"  # by who sent it
CORRUPT = ("is put aside, untouched: it cannot be read", "look at it in {place}; whoever sent it may send it again")
ON_HOLD = ("is held for a person to look at{cause}", "'debmill queue release {id}' puts it back to where it came from")
RELEASE_JOB = f"{ON_HOLD[1]}; 'debmill queue give-back {{id}} --arch {{part}}' builds it anew"
AGAIN = "'debmill log {id} --arch {part}' shows why; 'debmill queue give-back {id} --arch {part}' builds it again"
# Queue and room, or queue and last cause: what is true of "it", and what one can do.
TABLE = {
    ("review", "ready"): ("waits for a reviewer", "'debmill review show {id}', then accept or reject it"),
    ("review", ASKED): (
        "waits for a reviewer, who asks{cause}",
        "'debmill review show {id}', then accept or reject it",
    ),
    ("review", "active"): ("is in the hands of a reviewer", ""),
    ("review", "hold"): ("is put aside by a reviewer{cause}", "'debmill review release {id}' puts it back on the desk"),
    ("review", "rejected"): ("was rejected{cause}", "the same version may come again with a new signature"),
    ("review", SUPERSEDED): ("was superseded before a decision{cause}", ""),
    ("review", WITHDRAWN): (
        "was taken back before a decision{cause}",
        "the same version may come again with a new signature",
    ),
    ("master", "ready"): ("was accepted and waits for the master daemon", ""),
    ("master", "active"): ("was accepted; the master daemon has it in hand", ""),
    ("master", "waiting"): ("waits at its gate{gate}", ""),
    ("master", "deferred"): ("is tried again {until}{cause}", ""),
    ("master", "hold"): ON_HOLD,
    ("master", WITHHELD): (
        "is withheld by its gate{cause}",
        "'debmill queue give-back {id}' builds again what failed; 'debmill gate release {id}' publishes what was "
        "built; a higher version takes its place",
    ),
    ("master", "failed"): ("will not be published{cause}", "upload a higher version, or this one with a new signature"),
    ("master", SUPERSEDED): ("will not be published: it was superseded{cause}", ""),
    ("master", WITHDRAWN): ("was taken back{cause}", "upload a higher version, or this one with a new signature"),
    ("build", "ready"): ("waits for a build daemon", "'debmill queue raise {id}' puts it before all others"),
    ("build", "active"): (
        "is in the hands of a build daemon",
        "'debmill log {id} --arch {part}' shows how far it is; 'debmill queue cancel {id} --arch {part}' ends it",
    ),
    ("build", "waiting"): (
        "waits for build dependencies that cannot be had{cause}",
        "it is tried again when the archive changes, and every six hours",
    ),
    ("build", SET_WAIT): ("waits for what others of its set make{cause}", "it is built as soon as they are"),
    ("build", "deferred"): (
        "is tried again {until}: the machine failed it, not the package{cause}",
        "'debmill log {id} --arch {part}' shows how far it came",
    ),
    ("build", "hold"): (ON_HOLD[0], RELEASE_JOB),
    ("build", "done"): ("is done{cause}", ""),
    ("build", "failed"): ("failed for good{cause}", AGAIN),
    ("archive", "parts"): ("is built and waits for its source", ""),
    ("archive", "ready"): ("waits to be published", ""),
    ("archive", "active"): ("is being published", ""),
    ("archive", "deferred"): ("is published {until}{cause}", ""),
    ("archive", "hold"): ON_HOLD,
    ("archive", "done"): ("is done{cause}", ""),
}
CAUSES = {
    Room.READY: {ASKED},
    Room.HOLD: {HELD, WITHHELD},
    Room.WAITING: {DEP_WAIT, SET_WAIT},
    Room.DEFERRED: {"deferred"},
    Room.FAILED: {"failed", "abandoned", SUPERSEDED, WITHDRAWN},
    Room.REJECTED: {"rejected", SUPERSEDED, WITHDRAWN},
    Room.DONE: {"done"},
}


class Meaning(Struct, frozen=True):
    """What is true of an entry, a sentence without its subject; what one can do, empty when nothing is needed."""

    state: str
    remedy: str


def meaning(queue: str, room: Room, key: Key, events: Sequence[Event], gate: str = "") -> Meaning:
    """Say what it means that an entry with this history is in a room; `gate` names the results it waits for."""
    kind, last = queue.partition("/")[0], cause(room, events)
    why = reason(last) if last else ""
    slots = {
        "id": names.upload_of(key),
        "part": names.split(key).part,
        "place": f"spool/{queue}/{room}",
        "cause": f": {why}" if why else "",
        "until": _until(last),
        "gate": f" for {gate}" if gate else ", which is asked at the next look: every result is there",
    }
    named = TABLE.get((kind, last.event if last else "")) or TABLE.get((kind, room))
    state, remedy = named or (CORRUPT if room is Room.CORRUPT else (f"is in {queue}/{room}", ""))
    return Meaning(state.format(**slots), remedy.format(**slots))


def cause(room: Room, events: Sequence[Event]) -> Event | None:
    """Find the event that brought an entry into a room where it stays, if there is one of its own."""
    return next((event for event in reversed(events) if event.event in CAUSES.get(room, ())), None)


def reason(event: Event) -> str:
    """Say in one line who or what caused an event."""
    facts = event.facts
    said = facts.get("reason") or facts.get("missing") or facts.get("note") or ""
    error = facts.get("traceback", "").strip().splitlines()[-1:]
    words = [f"by {facts['by']}" if "by" in facts else "", " ".join(said.split()), *error]
    return ": ".join(filter(None, words))


def _until(event: Event | None) -> str:
    try:
        until = datetime.fromisoformat(event.facts["until"]).astimezone(UTC) if event else None
    except (KeyError, ValueError):
        until = None
    return f"at {until:%F %T} UTC" if until else "in a while"
