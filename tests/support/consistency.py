"""A stranger's judgement of a site that is quiet: the queues and the archive as they lie on disk.

It imports nothing of debmill and asks none of its commands: it lists, parses and hashes by itself, with gpgv and
hashlib. Each function gives findings, one line each; an empty list is a site that is well.
"""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import run

OVER = {"done", "failed", "rejected"}  # rooms where entries may stay for ever
SHA256 = re.compile(r"^ ([0-9a-f]{64}) +(\d+) (\S+)$", re.MULTILINE)
TEMPORARY = re.compile(r"^\.|\.new$|\.tmp$|~$")


@dataclass(frozen=True)
class Found:
    """An entry of some queue: where it lies, and what its name and its history say."""

    queue: str
    room: str
    path: Path

    @property
    def stamp(self) -> int:
        """Its place in the order of its queue."""
        return int(self.path.name[:16])

    @property
    def key(self) -> str:
        """The name that it keeps."""
        return self.path.name[17:]

    @property
    def upload(self) -> str:
        """The upload that it is or belongs to, as SOURCE_VERSION."""
        return self.key.rpartition("~")[0]

    @property
    def is_upload(self) -> bool:
        """Say whether it is an upload, and not a job, a part or a notice."""
        return "_" not in self.key.rpartition("~")[2]

    @property
    def is_job(self) -> bool:
        """Say whether it is a build job."""
        return self.queue.startswith("build/")

    @property
    def events(self) -> list[dict[str, str]]:
        """Its history, without the envelope in its first line, and without what a death cut short."""
        lines = (self.path / "history").read_bytes().splitlines()[1:]
        return [json.loads(line) for line in lines if line.startswith(b"{") and line.endswith(b"}")]

    @property
    def reason(self) -> str:
        """Say why it was held the last time."""
        return next((one["reason"] for one in reversed(self.events) if one["event"] == "held"), "")

    def first(self, event: str) -> str:
        """Say when an event was noted the first time; far away when it never was."""
        return next((one["at"] for one in self.events if one["event"] == event), "9")

    def last(self, event: str) -> str:
        """Say when an event was noted the last time; empty when it never was."""
        return next((one["at"] for one in reversed(self.events) if one["event"] == event), "")


def entries(site: Path) -> list[Found]:
    """Give all entries of all queues."""
    spool = site / "spool"
    rooms = [path for path in (*spool.glob("[!b]*/*"), *spool.glob("build/*/*")) if path.is_dir()]
    return [
        Found(str(room.parent.relative_to(spool)), room.name, path)
        for room in rooms
        if room.name != "tmp"
        for path in sorted(room.iterdir())
    ]


# --- the queues --------------------------------------------------------------------------------------------------


def unrest(site: Path) -> list[str]:
    """Say what is still to be done."""
    return [f"{one.queue}/{one.room}: {one.path.name}" for one in entries(site) if one.room not in OVER]


def lost_or_doubled(site: Path, taken: dict[str, str]) -> list[str]:
    """Say which uploads (version by source) are not in `archive/done` exactly once, and what is in two places."""
    found = entries(site)
    uploads = Counter(one.upload for one in found if one.is_upload)
    done = {one.upload for one in found if (one.queue, one.room) == ("archive", "done")}
    wanted = {f"{source}_{version}" for source, version in taken.items()}
    keys = Counter((one.queue, one.key) for one in found)
    return [
        *(f"{name}: taken, and not published" for name in sorted(wanted - done)),
        *(f"{name}: published, but nobody sent it" for name in sorted(done - wanted)),
        *(f"{name}: {count} entries of one upload" for name, count in uploads.items() if count > 1),
        *(f"{queue}: {count} times {key}" for (queue, key), count in keys.items() if count > 1),
    ]


def out_of_order(site: Path) -> list[str]:
    """Say where stamps do not rise with the events that gave them: accepting gave the jobs', the gate the archive's."""
    found = entries(site)
    published = [one for one in found if one.queue == "archive" and one.is_upload]
    accepted = {one.upload: one.last("accepted") for one in published}
    jobs = sorted((one.stamp, accepted.get(one.upload, "")) for one in found if one.is_job)
    passed = sorted((one.stamp, one.last("gate passed")) for one in published)
    return [
        f"{what}: {before} stands behind {after}"
        for what, pairs in (("jobs", jobs), ("the archive", passed))
        for (_, before), (_, after) in itertools.pairwise(pairs)
        if before > after
    ]


def leftovers(site: Path) -> list[str]:
    """Say which temporary files and directories nobody removed."""
    tmp = [path for pattern in ("*/tmp/*", "build/*/tmp/*") for path in (site / "spool").glob(pattern)]
    hidden = [
        path
        for folder in ("run", "environments", "archive", "uploading", "logs", "spool")
        for path in (site / folder).rglob("*")
        if TEMPORARY.search(path.name) and not (path.name == ".unfinished" and not any(path.iterdir()))
    ]
    out = (site / "spool").glob("build/*/*/*/out")
    links = (path for path in Path("/tmp").glob("debmill-*/*") if path.resolve().is_relative_to(site))
    return [f"left over: {path}" for path in (*tmp, *hidden, *out, *links)]


def interrupted(site: Path) -> list[str]:
    """Name the builds whose builder died, and which were built all the same."""
    return [one.key for one in entries(site) if one.is_job and one.last("recovered") > one.first("building")]


# --- the archive -------------------------------------------------------------------------------------------------


def archive(site: Path) -> list[str]:
    """Check every suite that is published, and that the pool holds what all snapshots name and nothing else."""
    root = site / "archive"
    snapshots = sorted(path for path in (root / "snapshots").iterdir() if path.is_dir())
    dists = [*(root / "dists").iterdir(), *(dist for snapshot in snapshots for dist in (snapshot / "dists").iterdir())]
    named: dict[str, str] = {}
    findings = [finding for dist in dists for finding in _suite(dist, site, named)]
    pool = {str(path.relative_to(root)): path for path in (root / "pool").rglob("*") if not path.is_dir()}
    linked = {path.resolve().parents[1] for path in (root / "dists").iterdir()}
    return [
        *findings,
        *(f"{one.name}: the newest snapshot, and no link names it" for one in snapshots[-1:] if one not in linked),
        *(f"{name}: named, and not in the pool" for name in sorted(named.keys() - pool.keys())),
        *(f"{name}: in the pool, and no snapshot names it" for name in sorted(pool.keys() - named.keys())),
        *(f"{name}: not of the SHA256 that is named" for name in named if _is_other(pool.get(name), named[name])),
    ]


def sources(site: Path, suite: str) -> Counter[str]:
    """Count the stanzas of each source in a suite, as SOURCE_VERSION."""
    return _published(site, suite, "source/Sources.xz")


def binaries(site: Path, suite: str, architecture: str) -> Counter[str]:
    """Count the stanzas of each binary package in an index, as PACKAGE_VERSION."""
    return _published(site, suite, f"binary-{architecture}/Packages.xz")


def _published(site: Path, suite: str, index: str) -> Counter[str]:
    text = _text(site / "archive/dists" / suite / "main" / index)
    stanzas = [_fields(stanza) for stanza in text.split("\n\n") if stanza.strip()]
    return Counter(f"{one['Package']}_{one['Version']}" for one in stanzas)


def _is_other(path: Path | None, digest: str) -> bool:
    return path is not None and _sha256(path) != digest


def _suite(dist: Path, site: Path, named: dict[str, str]) -> Iterator[str]:
    """Check one suite's signatures and indices; adds the files of the pool that it names."""
    keyring = site / "archive/keys/archive.gpg"
    for command in (["InRelease"], ["Release.gpg", "Release"]):
        ran = run(["gpgv", "--keyring", keyring, *(dist / name for name in command)], check=False)
        if ran.status != 0:
            yield f"{dist / command[0]}: does not verify: {ran.last_line}"
    listed = {name: (digest, int(size)) for digest, size, name in SHA256.findall((dist / "Release").read_text())}
    indices = {str(path.relative_to(dist)): path for path in _indices(dist)}
    for name, found in listed.items():
        if name in indices and (_sha256(indices[name]), indices[name].stat().st_size) != found:
            yield f"{dist / name}: not of the size and SHA256 that Release says"
        elif name in indices:
            named |= dict(_files_of(indices[name]))
        elif not {f"{name}.xz", f"{name}.gz"} & listed.keys():
            yield f"{dist / name}: named by Release, and not there"
    yield from (f"{dist / name}: an index that Release does not name" for name in indices.keys() - listed.keys())


def _indices(dist: Path) -> list[Path]:
    return [path for path in dist.rglob("*") if path.is_file() and path.name.startswith(("Packages", "Sources"))]


def _files_of(index: Path) -> Iterator[tuple[str, str]]:
    """Give the files of the pool that an index names, with their SHA256."""
    for stanza in _text(index).split("\n\n"):
        fields = _fields(stanza)
        if "Filename" in fields:
            yield fields["Filename"], fields["SHA256"]
        for digest, _, name in SHA256.findall(fields.get("Checksums-Sha256", "")):
            yield f"{fields['Directory']}/{name}", digest


def _text(index: Path) -> str:
    open_by = {".xz": lzma.decompress, ".gz": gzip.decompress}
    return open_by.get(index.suffix, bytes)(index.read_bytes()).decode()


def _fields(stanza: str) -> dict[str, str]:
    """Read one stanza; continuation lines stay with their field as they stand."""
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith(" "):
            fields[name] += f"\n{line}"
        else:
            name, _, value = line.partition(":")
            fields[name] = value.strip()
    return fields


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
