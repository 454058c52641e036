"""What feeds for opkg cost at Debian's size: one component and one architecture, and the packages for all of them.

usage: tests/run bench, or python tests/bench/opkg.py [--json] with the Python in which debmill is installed

The stanzas are Debian's, of the machine's own apt lists; the .ipk files are small stand-ins. Each publication is a
process of its own that imports, makes and signs feeds with gpg and usign's format, and syncs; its processor time
counts with that of gpg. The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from archive.indices import members, pieces  # noqa: E402 -- after the path is right
from archive.indices.pieces import Piece  # noqa: E402
from archive.opkg import parts  # noqa: E402
from archive.signing import ArchiveKey  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402

COUNT = 60_000
LINKS = 30_000  # of one file, at most
INDEX = "dists/demo/main/binary-amd64/Packages.gz"
PUBLISH = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from archive.opkg.feeds import Feeds
from archive.pool import Pool
from archive.published import Published
from archive.signing import ArchiveKey
from queues.values import Suite
root, new, old = map(Path, sys.argv[1:])
feeds = Feeds(Pool(root), Published(root / "published"), root / "feeds.sec", ArchiveKey(root / "gpg"))
feeds.write(Suite("demo", opkg="ipk"), new, old if old.is_dir() else None, datetime(2026, 1, 1, tzinfo=UTC))
"""


def stanzas() -> list[bytes]:
    """Give Debian's binary packages as this machine's apt knows them."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(FILENAME)", "Created-By: Packages"], capture_output=True, check=True
    )
    text = b"\n\n".join(
        subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", name], capture_output=True, check=True).stdout
        for name in listed.stdout.split()
    )
    found = {one.split(b"\n", 1)[0]: one for one in text.split(b"\n\n") if one.startswith(b"Package: ")}
    return [found[name].rstrip(b"\n") + b"\n\n" for name in sorted(found)][:COUNT]


def prepare(root: Path, found: list[bytes]) -> None:
    """Put a file into the pool for each package."""
    for name in ("keys", "pool"):
        (root / name).mkdir()
    ArchiveKey(root / "gpg").create("bench")
    for number, stanza in enumerate(found):
        filename = stanza.partition(b"\nFilename: ")[2].partition(b"\n")[0].decode()
        path = (root / filename).with_suffix(".ipk")
        path.parent.mkdir(parents=True, exist_ok=True)
        sample = root / f"sample{number // LINKS}"
        if not sample.exists():
            sample.write_bytes(os.urandom(1000))
        path.hardlink_to(sample)


def snapshot(path: Path, found: Sequence[Piece], like: Path | None = None) -> Path:
    """Put the index of a snapshot where a publication has it; that of another is linked."""
    (path / INDEX).parent.mkdir(parents=True)
    if like:
        (path / INDEX).hardlink_to(like / INDEX)
    else:
        (path / INDEX).write_bytes(b"".join(members.pack(bytes(one.text), one.marks, one.first, 6) for one in found))
    return path


def publish(root: Path, new: Path, old: Path) -> float:
    """Make the feeds of a snapshot in a new process; gives seconds of processor time."""
    before = getrusage(RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", PUBLISH, root, new, old], cwd=ROOT, check=True)
    after = getrusage(RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(root: Path) -> Iterator[Figure]:
    """Measure one after another."""
    found = stanzas()
    prepare(root, found)
    native, for_all = (middle(found, kind) for kind in (b"amd64", b"all"))
    less = [*pieces.cut(one for one in found if one not in (native, for_all))]
    more = pieces.edit(less, [], [native])
    steps = (less, more, pieces.edit(more, [], [for_all]))
    first, second, third = (snapshot(root / str(number), step) for number, step in enumerate(steps))
    fourth = snapshot(root / "same", [], like=third)
    size = f"{len(found):,} packages"
    yield Figure(f"{size}: the first feeds", publish(root, first, root / "none"), "s", 20)
    yield Figure(f"{size}: one more of the architecture, cold", publish(root, second, first), "s", 0.8)
    yield Figure(f"{size}: one more for all, in two feeds, cold", publish(root, third, second), "s", 1.2)
    yield Figure(f"{size}: nothing new in the suite, cold", publish(root, fourth, third), "s", 0.2)
    place = root / "2/opkg/demo/main/amd64"
    whole = len(gzip.compress((place / parts.PACKAGES).read_bytes(), 9))
    packed = (place / parts.PACKED).stat().st_size
    yield Figure(f"{size}: Packages.gz against the whole list by gzip -9", packed / whole, "times", 1.15)


def middle(found: list[bytes], architecture: bytes) -> bytes:
    """Give a package of an architecture from the middle of the list."""
    fitting = [one for one in found if b"\nArchitecture: %b\n" % architecture in one]
    return fitting[len(fitting) // 2]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="debmill-opkg-") as place:
        sys.exit(printed(figures(Path(place))))
