"""The figures of the SFTP intake, against OpenSSH's internal-sftp in the same run.

usage: python tests/bench/intake.py [--json] [large] [small] [crowd] [memory] [attacks] [verdicts]

Both servers receive the same files from OpenSSH's client, in turns; CPU seconds are those of the server's processes,
read from /proc, and medians are compared. The files land in memory (/dev/shm); the verdict is measured there and on
disk. The exit status is 0 only if every target was met.
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT)  # this file's own directory would hide the package of its name

import paramiko  # noqa: E402 -- after the path is right

from daemons.intake.limits import Limits  # noqa: E402
from tests.support.attacked import Attacked, attacked  # noqa: E402
from tests.support.attacked import main as attackable  # noqa: E402
from tests.support.attacks import ATTACKS  # noqa: E402
from tests.support.figures import Figure, printed  # noqa: E402
from tests.support.mill import place, remove_site  # noqa: E402
from tests.support.people import Person  # noqa: E402
from tests.support.processor import tree, used  # noqa: E402
from tests.support.road import UPLOADER, Road  # noqa: E402
from tests.support.sources import SourceUpload, build_source, changelog_entry  # noqa: E402

ROUNDS = 5
MIB = 1 << 20
SESSIONS = 50
CROWDS = (1, 50, 200)
MEMORY_TARGETS = (6, 40, 140)  # MiB


def main() -> int:
    return printed(measured())


def measured() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="debmill-bench-", dir="/dev/shm") as path, ExitStack() as stack:
        work = Path(path)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", work / "id")
        servers = [stack.enter_context(start(work)) for start in (ours, openssh)]
        for measure in (large, small, crowd):
            if asked(measure):
                yield from measure(work, *servers)
        for measure in (memory, attacks):
            if asked(measure):
                yield from measure(work)
    if asked(verdicts):
        yield from verdicts()


def asked(measure: Callable[..., object]) -> bool:
    """Say whether a measurement is to be made: all are, unless some are named."""
    named = [word for word in sys.argv[1:] if not word.startswith("-")]
    return not named or measure.__name__ in named


def run(*argv: object) -> None:
    subprocess.run([str(word) for word in argv], check=True, stdout=subprocess.DEVNULL)


# The servers


class Server:
    """A running server, and how a client reaches it."""

    def __init__(self, work: Path, pid: int, port: int, folder: str, files: Path, user: str) -> None:
        self.pid, self.port, self.folder, self.files, self.user = pid, port, folder, files, user
        self.options = [
            *("-P", str(port), "-i", str(work / "id"), "-o", "StrictHostKeyChecking=no", "-o", "BatchMode=yes"),
            *("-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"),
        ]

    def client(self, batch: Path) -> subprocess.Popen[bytes]:
        argv = ["sftp", "-q", *self.options, "-b", str(batch), f"{self.user}@127.0.0.1:{self.folder}"]
        return subprocess.Popen(argv, stdout=subprocess.DEVNULL)

    def cpu(self) -> float:
        """CPU seconds of the server and of all its children, dead ones too."""
        return used(self.pid)

    def quiet(self) -> None:
        """Wait until no session is left."""
        before = self.resting
        while len([*tree(self.pid)]) > before:
            time.sleep(0.01)

    resting = 1

    def clear(self) -> None:
        shutil.rmtree(self.files)
        self.files.mkdir(mode=0o777)


@contextmanager
def ours(work: Path) -> Iterator[Server]:
    site = work / "ours"
    site.mkdir(parents=True)
    with started(sys.executable, __file__, "serve", work) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        yield Server(work, process.pid, port, "/incoming", site / "uploading/alice", "alice")


def serve(work: Path) -> None:
    """Be our server, whose judge keeps everything."""
    site = work / "ours"
    shutil.copy(work / "id.pub", site / "id.pub")
    many = {"sessions": 400, "strangers": 400, "sessions_per_address": 400, "sessions_per_uploader": 400}
    attackable(site, Limits(free_bytes=0, area_files=10_000, session_files=10_000, **many))


SSHD = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {work}/sshd/host
PidFile none
AuthorizedKeysFile {work}/id.pub
StrictModes no
PermitRootLogin prohibit-password
UsePAM no
MaxStartups 200
Subsystem sftp internal-sftp
ForceCommand internal-sftp
"""


@contextmanager
def openssh(work: Path) -> Iterator[Server]:
    home, port = work / "sshd", free_port()
    (home / "files").mkdir(parents=True)
    Path("/run/sshd").mkdir(exist_ok=True)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home / "host")
    (home / "config").write_text(SSHD.format(port=port, work=work))
    with started("/usr/sbin/sshd", "-D", "-e", "-f", home / "config", log=home / "log") as process:
        server = Server(work, process.pid, port, str(home / "files"), home / "files", "root")
        while not listens(port):
            time.sleep(0.01)
        yield server


@contextmanager
def started(*argv: object, log: Path | None = None) -> Iterator[subprocess.Popen[bytes]]:
    with open(log or os.devnull, "wb") as said:
        process = subprocess.Popen([str(word) for word in argv], stdout=subprocess.PIPE, stderr=said)
        try:
            yield process
        finally:
            process.terminate()
            process.communicate()


def free_port() -> int:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


# What is measured: CPU seconds, and wall


class Cost(NamedTuple):
    cpu: float
    wall: float


def compared(mine: Server, theirs: Server, load: Callable[[Server], None], rounds: int = ROUNDS) -> tuple[Cost, Cost]:
    """Give both servers the same load in turns; the medians of each."""
    costs: dict[Server, list[Cost]] = {mine: [], theirs: []}
    for _ in range(rounds):
        for server in (mine, theirs):
            before, started_at = server.cpu(), time.perf_counter()
            load(server)
            wall = time.perf_counter() - started_at
            server.quiet()
            costs[server].append(Cost(server.cpu() - before, wall))
            server.clear()
    mine_cost, their_cost = (Cost(*map(statistics.median, zip(*costs[one], strict=True))) for one in (mine, theirs))
    return mine_cost, their_cost


def ratio(what: str, mine: float, theirs: float, target: float) -> Figure:
    return Figure(f"{what} ({mine:.2f} s to {theirs:.2f} s)", mine / theirs, "times", target)


def sent(server: Server, *batches: Path) -> None:
    clients = [server.client(batch) for batch in batches]
    assert [client.wait() for client in clients] == [0] * len(clients)


def large(work: Path, mine: Server, theirs: Server) -> list[Figure]:
    payload, batch = work / "big_1.orig.tar.gz", work / "large.batch"
    payload.write_bytes(os.urandom(MIB) * 200)
    batch.write_text(f"put {payload}\n")
    ours_cost, their_cost = compared(mine, theirs, lambda server: sent(server, batch))
    payload.unlink()
    return [ratio("server CPU for 200 MiB, against internal-sftp", ours_cost.cpu, their_cost.cpu, 1.3)]


def small(work: Path, mine: Server, theirs: Server) -> list[Figure]:
    folder, batch = work / "small", work / "small.batch"
    folder.mkdir()
    for number in range(1000):
        (folder / f"s{number:04d}_1.orig.tar.gz").write_bytes(os.urandom(10 * 1024))
    batch.write_text("".join(f"put {path}\n" for path in sorted(folder.iterdir())))
    ours_cost, their_cost = compared(mine, theirs, lambda server: sent(server, batch))
    shutil.rmtree(folder)
    return [ratio("server CPU for 1,000 files of 10 KiB in one session", ours_cost.cpu, their_cost.cpu, 1.6)]


def crowd(work: Path, mine: Server, theirs: Server) -> list[Figure]:
    folder = work / "crowd"
    folder.mkdir()
    batches = []
    for session in range(SESSIONS):
        files = [folder / f"c{session:02d}{number}_1.orig.tar.gz" for number in range(6)]
        for number, path in enumerate(files):
            path.write_bytes(os.urandom(2 * MIB if number == 0 else 4096))
        batches.append(folder / f"{session}.batch")
        batches[-1].write_text("".join(f"put {path}\n" for path in files))
    ours_cost, their_cost = compared(mine, theirs, lambda server: sent(server, *batches), 3)
    shutil.rmtree(folder)
    what = f"{SESSIONS} sessions at once (2 MiB and 5 small files each)"
    return [
        ratio(f"{what}, CPU", ours_cost.cpu, their_cost.cpu, 1),
        ratio(f"{what}, wall", ours_cost.wall, their_cost.wall, 1),
    ]


# Memory


def memory(work: Path) -> list[Figure]:
    """What a fresh server needs above an interpreter with the same imports, with so many clients logged in."""
    script = f"import sys; sys.path[0] = {str(ROOT)!r}; import daemons.intake.server; print(flush=True); input()"
    bare = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert bare.stdout is not None
    bare.stdout.readline()
    floor = private(bare.pid)
    bare.communicate(b"\n")
    figures = []
    shutil.rmtree(work / "ours")
    with ours(work) as server, ExitStack() as clients:
        count = 0
        for crowd_size, target in zip(CROWDS, MEMORY_TARGETS, strict=True):
            for _ in range(crowd_size - count):
                clients.enter_context(logged_in(work, server.port))
            count = crowd_size
            above = (sum(private(pid) for pid in tree(server.pid)) - floor) / 1024
            figures.append(Figure(f"memory above the imports, {count} sessions", above, "MiB", target))
    return figures


def private(pid: int) -> int:
    """A process's proportional set size in KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


@contextmanager
def logged_in(work: Path, port: int) -> Iterator[None]:
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect("127.0.0.1", port, "alice", key_filename=str(work / "id"), look_for_keys=False, allow_agent=False)
    try:
        client.open_sftp().listdir("/incoming")
        yield
    finally:
        client.close()


# Attacks


def attacks(work: Path) -> list[Figure]:
    """What all attacks of the table cost one server, one after the other; one that is not refused ends the run."""
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)  # the attackers' complaints
    with attacked(work / "attacked") as server:
        assert server.is_well()
        memory_before, cpu_before, started_at = server.memory(), server.cpu(), time.perf_counter()
        for attack in ATTACKS.values():
            attack(server)
        cpu, wall = server.cpu() - cpu_before, time.perf_counter() - started_at
        memory_after = server.memory()
        assert server.is_well()
        quiet = idle(server)
    what = f"{len(ATTACKS)} attacks, all refused"
    return [
        Figure(f"{what}: memory of the server, growth", memory_after - memory_before, "MiB", 48),
        Figure(f"{what}: CPU of the server, of one core", cpu / wall * 100, "%", 50),
        Figure("CPU of the server afterwards, of one core", quiet * 100, "%", 5),
    ]


def idle(server: Attacked) -> float:
    """The share of one core that a server takes that nobody visits."""
    before, started_at = server.cpu(), time.perf_counter()
    time.sleep(2)
    return (server.cpu() - before) / (time.perf_counter() - started_at)


# The verdict


def verdicts() -> list[Figure]:
    """From sending the CLOSE of a `.changes` to its answer: a set of 6 files, 30 MiB, taken."""
    figures = []
    for what, parent, target in (("in memory", Path("/dev/shm"), 20.0), ("on disk", place("x").parent, float("inf"))):
        site = Path(tempfile.mkdtemp(prefix="debmill-bench-", dir=parent))
        site.rmdir()
        road = Road(site)
        try:
            road.make_site(("amd64",))
            road.start()
            times = [verdict(road, f"1.{number}-1") for number in range(ROUNDS)]
        finally:
            road.close()
            remove_site(site)
        figures.append(Figure(f"close of .changes to verdict, {what}", statistics.median(times) * 1e3, "ms", target))
    return figures


def verdict(road: Road, version: str) -> float:
    upload = bulky(version, road.maintainer, road.folder)
    host, port = road.mill.daemons()["intake"]["detail"].rpartition(" ")[2].split(":")
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(host, int(port), UPLOADER, key_filename=str(road.maintainer.ssh_key), allow_agent=False)
    try:
        sftp = client.open_sftp()
        for path in upload.files[:-1]:
            sftp.put(str(path), f"/incoming/{path.name}", confirm=False)
        changes = sftp.open(f"/incoming/{upload.changes.name}", "w")
        changes.write(upload.changes.read_bytes())
        changes.flush()
        started_at = time.perf_counter()
        changes.close()
        took = time.perf_counter() - started_at
    finally:
        client.close()
    waiting = [one["version"] for one in road.mill.json("review", "list")]
    assert version in waiting, f"{version} was not taken"
    return took


def bulky(version: str, by: Person, into: Path) -> SourceUpload:
    """Make a signed upload of six files, 30 MiB: .dsc, two upstream tarballs, packaging, .buildinfo, .changes."""
    tree = into / f"bulky_{version}" / "tree"
    for folder in ("debian/source", "doc"):
        (tree / folder).mkdir(parents=True)
    (tree / "data").write_bytes(os.urandom(20 * MIB))
    (tree / "doc/data").write_bytes(os.urandom(10 * MIB))
    upstream = version.partition("-")[0]
    packed(tree.parent / f"bulky_{upstream}.orig.tar.gz", tree, f"bulky-{upstream}", ["data"])
    packed(tree.parent / f"bulky_{upstream}.orig-doc.tar.gz", tree / "doc", "doc", ["data"])
    texts = {
        "control": CONTROL.format(who=by),
        "rules": "#!/usr/bin/make -f\n%:\n\ttrue\n",
        "changelog": changelog_entry("bulky", version, "demo", by),
        "source/format": "3.0 (quilt)\n",
    }
    for name, text in texts.items():
        (tree / "debian" / name).write_text(text)
    (tree / "debian/rules").chmod(0o755)
    return build_source(tree, "bulky", version, by)


def packed(target: Path, folder: Path, prefix: str, names: list[str]) -> None:
    with gzip.open(target, "wb", 1) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for name in names:
            tar.add(folder / name, f"{prefix}/{name}")


CONTROL = """\
Source: bulky
Section: misc
Priority: optional
Maintainer: {who.full_name} <{who.address}>
Standards-Version: 4.6.2

Package: bulky
Architecture: any
Description: many bytes
 Nothing but bytes.
"""


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(Path(sys.argv[2]))
    else:
        sys.exit(main())
