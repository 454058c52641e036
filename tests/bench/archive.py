"""The figures of the archive at Debian's size: 60,000 real stanzas in packages of their own, and what peers pay.

usage: python tests/bench/archive.py [--json]

As root it becomes the service account. Figures are seconds of processor time, of a process and all that it started;
peers (reprepro and aptly, where they are installed) do the same in the same run, each once. The corpus is made at the
first run, of the machine's own apt lists, and kept. The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import lzma
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

from archive.inclusion import Included, Unchanged  # noqa: E402
from archive.keeping.records import Rollback  # noqa: E402 -- after the path is right
from archive.repository import Repository  # noqa: E402
from daemons import account  # noqa: E402
from daemons.sites import Site  # noqa: E402
from queues.clock import utc  # noqa: E402
from tests.support.account import room  # noqa: E402
from tests.support.corpus import corpus  # noqa: E402
from tests.support.crowd import updating  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.support.served import served  # noqa: E402

SIZES = (1_000, 10_000, 60_000)
MANY = SIZES[-1]
SPARE = 500
REPEATS = 5
CLIENTS, CHANGES = 50, 100
NO_TARGET = float("inf")
INDEX = "dists/bench/main/binary-amd64/Packages"


class Cost(NamedTuple):
    """What a command took: processor seconds of it and all that it started, and the largest memory of one, in MiB."""

    seconds: float
    memory: float


def main() -> int:
    account.give_up_root()
    with room() as work:
        return printed(figures(work))


def figures(work: Path) -> Iterator[Figure]:
    """Ours at each size, then the peers' at the largest."""
    cold = 0.0
    for size in SIZES:
        cold = yield from ours(work, size)
    yield from crowd(work)
    share = yield from in_order(work / f"site-{MANY}")
    yield from with_everything(work / f"site-{MANY}", share)
    yield from peers(work, cold)


# --- ours ------------------------------------------------------------------------------------------------------------


def ours(work: Path, size: int) -> Generator[Figure, None, float]:
    """Import, then single packages, then a hundred. Gives the cost of one in a cold process."""
    site = work / f"site-{size}"
    base, spare = chosen(size)
    new = iter(spare)
    ran(debmill(site, "init", "--suite", "bench"))
    imported = ran(debmill(site, "archive", "import", folder(work / f"base-{size}", base), "--suite", "bench"))
    megabytes = sum(path.stat().st_size for path in base) / 1e6
    what = f"import of {size} .debs ({megabytes:.0f} MB) and first publication, CPU"
    yield Figure(what, imported.seconds, "s", 60 if size == MANY else NO_TARGET)
    yield Figure("  its memory", imported.memory, "MiB", 350)
    adds = [ran(debmill(site, "archive", "include", next(new), "--suite", "bench")) for _ in range(REPEATS)]
    cold = statistics.median(cost.seconds for cost in adds)
    yield Figure(f"add 1 to {size}, cold process, CPU, median of {REPEATS}", cold, "s", 0.6)
    yield Figure("  its memory", max(cost.memory for cost in adds), "MiB", 350)
    yield from in_the_daemon(site, size, [next(new) for _ in range(REPEATS + 1)])
    yield from back_and_forth(site, size)
    hundred = folder(work / f"hundred-{size}", [next(new) for _ in range(100)])
    cost = ran(debmill(site, "archive", "import", hundred, "--suite", "bench"))
    yield Figure(f"add 100 to {size} at once, cold process, CPU", cost.seconds, "s", 1.5)
    return cold


def chosen(size: int) -> tuple[list[Path], list[Path]]:
    """Choose the corpus in a process of its own: what this one has in memory would count for those that it starts."""
    with ProcessPoolExecutor(1) as apart:
        return apart.submit(corpus, size, SPARE).result()


def in_the_daemon(site: Path, size: int, new: Sequence[Path]) -> Iterator[Figure]:
    """The same calls that the inclusion daemon makes, in a process that has made one before."""
    shelf = site / "brought"
    repository = Site(site).repository
    costs, idle = [], []
    for path in new:
        shelf.mkdir(exist_ok=True)
        brought = Path(shutil.copy(path, shelf))
        time.sleep(1)
        costs.append(used(partial(include, repository, brought)))
        started = time.process_time()
        assert repository.include_files("bench", [brought], utc()) == Unchanged()
        idle.append(time.process_time() - started)
    yield Figure(f"add 1 to {size} in the running daemon, CPU, median", statistics.median(costs[1:]), "s", 0.3)
    yield Figure(f"the same package again at {size}: nothing to do, CPU", statistics.median(idle[1:]) * 1e3, "ms", 10)


def back_and_forth(site: Path, size: int) -> Iterator[Figure]:
    """Going back to the publication before, and forward again: by the clock on the wall, and by the command."""
    repository, keeper = Site(site).repository, Site(site).keeper
    walls = []
    for _ in range(REPEATS + REPEATS % 2):
        current = repository.current("bench")
        assert current is not None, "it was published"
        what = Rollback("bench", current, keeper.before("bench"), "bench", "to measure it")
        time.sleep(1)
        started = time.perf_counter()
        assert isinstance(repository.rollback(what, utc()), str)
        walls.append(time.perf_counter() - started)
    target = 0.5 if size == MANY else NO_TARGET
    yield Figure(f"rollback at {size}, wall, median of {len(walls)}", statistics.median(walls), "s", target)
    costs = [ran(debmill(site, "archive", "rollback", "bench")).seconds for _ in range(2)]
    yield Figure("  the command, which compares and tells, CPU", max(costs), "s", NO_TARGET)
    started = time.perf_counter()
    assert len(list(keeper.snapshots())) > REPEATS
    yield Figure("  listing all snapshots with what came and went, wall", time.perf_counter() - started, "s", NO_TARGET)


def crowd(work: Path) -> Iterator[Figure]:
    """Clients in a loop while packages are put in one after another, each by a process of its own."""
    site, started = work / f"site-{SIZES[0]}", time.perf_counter()
    new = chosen(MANY)[1][:CHANGES]
    archive = site / "archive"
    with served(archive) as url, updating(work, url, "bench", archive / "keys/archive.gpg", CLIENTS) as clients:
        for deb in new:
            ran(debmill(site, "archive", "include", deb, "--suite", "bench"))
    took = time.perf_counter() - started
    sys.stderr.write("".join(clients.errors[:3]))
    what = f"{CLIENTS} apt clients, {sum(clients.updates)} updates, {CHANGES} publications in {took:.0f} s: errors"
    yield Figure(what, len(clients.errors), "", 0)


def in_order(site: Path) -> Generator[Figure, None, float]:
    """What the daemon does behind: its cost, a hundredth of which each single publication owes, and its fruit."""
    repository = Site(site).repository
    time.sleep(1)
    share = used(lambda: repository.tend(utc())) / 100
    yield Figure("putting the index in order, CPU, a hundredth", share, "s", NO_TARGET)
    packed = (site / "archive" / f"{INDEX}.xz").read_bytes()
    whole = len(lzma.compress(lzma.decompress(packed), preset=6))
    what = f"size of the .xz ({len(packed) / 1e6:.2f} MB) to xz -6 of the whole"
    yield Figure(what, len(packed) / whole, "times", 1.15)
    return share


def with_everything(site: Path, share: float) -> Iterator[Figure]:
    """Single packages in a suite that has Contents and a feed, too; `share` is what each owes to putting in order."""
    _, spare = chosen(MANY)
    settings = site / "debmill.toml"
    text = settings.read_text()
    settings.write_text(text.replace("# contents = false", "contents = true").replace('# opkg = "off"', 'opkg = "deb"'))
    begun = ran(debmill(site, "archive", "publish", "bench"))
    them = "Contents and a feed" if "opkg" in text else "Contents"
    yield Figure(f"{them} of {MANY} begun, CPU", begun.seconds, "s", NO_TARGET)
    new = spare[-REPEATS:]
    adds = [ran(debmill(site, "archive", "include", deb, "--suite", "bench")).seconds for deb in new]
    what = f"add 1 to {MANY} with {them}, and {share:.2f} s for order, cold, CPU"
    yield Figure(what, statistics.median(adds) + share, "s", 1.2)


def include(repository: Repository, deb: Path) -> None:
    """Include a package; the second has to be another one than that of the last."""
    assert isinstance(repository.include_files("bench", [deb], utc()), Included)


def debmill(site: Path, *arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "daemons.command", "--site", str(site), *map(str, arguments)]


# --- peers -----------------------------------------------------------------------------------------------------------


def peers(work: Path, cold: float) -> Iterator[Figure]:
    """What peers pay for the same, once; `cold` is what we pay for one package."""
    base, spare = chosen(MANY)
    key = archive_key(work)
    for peer, less in ((Reprepro, 100), (Aptly, 30)):
        if shutil.which(peer.name) is None:
            sys.stderr.write(f"{peer.name} is not installed: etc/setup tests installs it\n")
            continue
        theirs = peer(work, key)
        yield Figure(
            f"{peer.name}: import of {MANY} .debs and first publication, CPU", theirs.add(base), "s", NO_TARGET
        )
        one = theirs.add(spare[:1])
        yield Figure(f"add 1 to {MANY}: ours to {peer.name}'s ({one:.1f} s)", cold / one, "times", 1 / less)
        yield Figure(f"{peer.name}: add 100 to {MANY} and publish, CPU", theirs.add(spare[1:101]), "s", NO_TARGET)


def archive_key(work: Path) -> Path:
    home = work / "gnupg"
    home.mkdir(mode=0o700)
    unlocked = ["--batch", "--pinentry-mode", "loopback", "--passphrase", ""]
    command = [
        "gpg",
        "--homedir",
        home,
        *unlocked,
        "--quick-generate-key",
        "bench@example.org",
        "ed25519",
        "sign",
        "never",
    ]
    subprocess.run(command, check=True, capture_output=True)
    return home


class Reprepro:
    """reprepro as its manual has it: gz and xz, no by-hash."""

    name = "reprepro"

    def __init__(self, work: Path, key: Path) -> None:
        self.root, self.key = work / self.name, key
        (self.root / "conf").mkdir(parents=True)
        distributions = (
            "Codename: bench\nArchitectures: amd64\nComponents: main\nSignWith: bench@example.org\n"
            "DebIndices: Packages Release . .gz .xz\n"
        )
        (self.root / "conf/distributions").write_text(distributions)

    def add(self, debs: Sequence[Path]) -> float:
        """Include and export."""
        command = ["reprepro", "-s", "-b", str(self.root)]
        names = [*map(str, sorted(folder(self.root / f"new-{len(debs)}-{debs[0].name}", debs).iterdir()))]
        include = [*command, "-C", "main", "--ignore=extension", "--export=silent-never", "includedeb", "bench"]
        steps = [[*include, *names[start : start + 5000]] for start in range(0, len(names), 5000)]
        return sum(ran(one, GNUPGHOME=self.key).seconds for one in (*steps, [*command, "export", "bench"]))


class Aptly:
    """aptly as its manual has it: by-hash, no xz."""

    name = "aptly"

    def __init__(self, work: Path, key: Path) -> None:
        self.root, self.key = work / self.name, key
        self.root.mkdir()
        (self.root / "aptly.conf").write_text(f'{{"rootDir": "{self.root}", "gpgProvider": "gpg"}}')
        self.published = False
        ran(self._aptly("repo", "create", "-distribution=bench", "-component=main", "bench"), GNUPGHOME=self.key)

    def add(self, debs: Sequence[Path]) -> float:
        """Add and publish."""
        chosen = folder(self.root / f"new-{len(debs)}-{debs[0].name}", debs)
        options = ["-batch", "-skip-contents", "-gpg-key=bench@example.org"]
        first = ["publish", "repo", "-architectures=amd64", "-acquire-by-hash", *options, "bench"]
        publish = ["publish", "update", *options, "bench"] if self.published else first
        self.published = True
        return sum(
            ran(self._aptly(*one), GNUPGHOME=self.key).seconds for one in (["repo", "add", "bench", chosen], publish)
        )

    def _aptly(self, *arguments: str | Path) -> list[str]:
        return ["aptly", f"-config={self.root}/aptly.conf", *map(str, arguments)]


# --- measuring -------------------------------------------------------------------------------------------------------


def folder(path: Path, debs: Sequence[Path]) -> Path:
    """Make a directory of links to some .debs."""
    path.mkdir(parents=True)
    for deb in debs:
        (path / deb.name).symlink_to(deb)
    return path


def ran(command: Sequence[str | Path], **environment: Path) -> Cost:
    """Run a command, and give what it cost."""
    given = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(value) for name, value in environment.items()}}
    with subprocess.Popen(
        list(map(str, command)), env=given, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said.decode()[-3000:]
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def used(work: Callable[[], object]) -> float:
    """Give the processor seconds that a call took, its children's among them."""
    before = os.times()
    work()
    return sum(after - earlier for after, earlier in zip(os.times()[:4], before[:4], strict=True))


if __name__ == "__main__":
    sys.exit(main())
