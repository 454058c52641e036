"""Builds by sbuild in its unshare mode, inside one of our environments, so that they leave nothing and obey limits.

sbuild is root of the environment, which has all of it from a dependency layer: nothing need be installed on the
machine. It unpacks a chroot of the same base, installs, unpacks and builds there, in namespaces within ours. What is
missing is asked of apt beforehand, as for every build. Source: sbuild(1), sbuild.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from msgspec.structs import replace

from daemons.building.builds.build import Work
from daemons.building.builds.outcomes import Trouble
from daemons.building.byhand import likeness
from daemons.building.environment import (
    DIRECTORY,
    Broken,
    DepWait,
    Ended,
    Environment,
    Kind,
    Limits,
    LocalArchive,
    Log,
    Unavailable,
)
from daemons.building.layers import dependencies, resolving
from daemons.building.layers.installing import Layered, Needs
from daemons.building.layers.resolving import Chosen
from daemons.building.layers.store import Layer
from daemons.building.roots import contents, entering, memory
from daemons.building.roots.contents import File
from daemons.building.roots.overlay import Overlay
from daemons.building.sbuild import chroots, summary
from daemons.building.sbuild.chroots import Chroots
from queues.outcomes import Later

# iproute2: sbuild raises `lo` with it
_TOOLS = Needs(resolving.needed(b"Build-Depends: sbuild, uidmap, iproute2\n"), "arch")
_SETTINGS = "/etc/sbuild/debmill.conf"
_KEYRINGS = "/srv/keyrings"  # where a chroot sees the archives' keys; it may have others of its own
_OTHERWISE = (
    "sbuild: /dev/shm has no limit of ours; no build has the network; each can read the site's published archive\n"
)
# The kernel lets root of an environment make namespaces only as many as this; sbuild has three at a time.
_PREPARE = ("sh", "-ec", "echo 64 >/proc/sys/user/max_user_namespaces; touch /dev/console")
_CONFIGURATION = """\
$chroot_mode = 'unshare';
$unshare_tmpdir_template = '/var/tmp/sbuild.XXXXXXXXXX';
$unshare_bind_mounts = [{mounts}];
$extra_repositories = [{sources}];
$build_user = '{user}';
$build_path = '{directory}';
$path = '{path}';
$build_environment = {{ LC_ALL => 'C.UTF-8' }};
$apt_update = 1;
$apt_upgrade = $apt_distupgrade = 0;
$resolve_alternatives = 1;
$bd_uninstallable_explainer = 'none';
$clean_source = $check_space = 0;
$run_lintian = $run_piuparts = $run_autopkgtest = 0;
$purge_build_deps = $purge_build_directory = $purge_session = 'never';
$nolog = 1;
$log_filter = $log_colour = 0;
1;
"""


class Sbuild:
    """Environments in which sbuild is ready, over what `layered` builds over, and with what that keeps."""

    def __init__(self, layered: Layered) -> None:
        self.layered = layered
        self.chroots = Chroots(layered.system, layered.stores.chroots, layered.watch)

    def install(
        self, dsc: Path, kind: Kind, profiles: Sequence[str] = (), *, size: int, log: Log, limits: Limits
    ) -> AbstractContextManager[Overlay] | DepWait | Unavailable:
        """Give an environment in which sbuild can build a .dsc. Raises NotADsc, Malformed, Broken."""
        self.layered.stores.sweep()
        needs = Needs(resolving.needed(dsc.read_bytes()), kind, tuple(profiles))
        choice = self.layered.choose(needs, log, limits)
        if not isinstance(choice, Chosen):
            return choice
        log.write(likeness.of_base(self.layered.system.path.name))
        log.write(likeness.of_choice(resolving.layer_key(self.layered.system.digest, choice), choice, "by sbuild"))
        tools = self._tools(log, limits)
        if isinstance(tools, Unavailable):
            return tools
        chroot = self.chroots.current(self.layered.indices.current(log, limits), limits)
        if isinstance(chroot, Unavailable):
            return chroot
        room = memory.choose(size, memory.available() - chroot.about.size)
        log.write(f"{_OTHERWISE}{room.reason}\n".encode())
        return self._environment(chroot, tools, limits, on_disk=room.on_disk)

    def _tools(self, log: Log, limits: Limits) -> tuple[Layer, ...] | Unavailable:
        found = self.layered.layers(_TOOLS, log, limits)
        if isinstance(found, DepWait):
            return Unavailable(
                f"this suite is built by sbuild, but its base {self.layered.system.path.name} cannot have the package "
                f'{found.missing}: let its sources have that, or set environment = "overlay"'
            )
        return found

    @contextmanager
    def _environment(
        self, chroot: Layer, tools: Sequence[Layer], limits: Limits, *, on_disk: bool
    ) -> Iterator[Overlay]:
        of = self.layered
        with ExitStack() as stack:
            writable = stack.enter_context(of.stores.writable.aside()) if on_disk else None
            files, layers = _files(of.archives), (chroot, *tools)
            own = replace(limits, disk=limits.disk + chroot.about.size)
            root = stack.enter_context(
                _Root(of.system, of.archives, files, of.watch, layers, writable, limits=own, start=of.start)
            )
            with open("/dev/null", "wb") as nowhere:
                if not root.administer(_PREPARE, log=nowhere).well:
                    raise Broken(f"{of.system.path}: sbuild may not make namespaces in an environment")
            yield root


class _Root(Overlay):
    """An environment whose commands run as its root and with the network, for sbuild itself leaves both."""

    def run(
        self,
        argv: Sequence[str],
        *,
        log: Log,
        limits: Limits,
        directory: str = DIRECTORY,
        variables: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run a command. Raises Broken."""
        enter = entering.as_root(self.pid, self.base.architecture, directory, argv)
        inside = {**entering.INSIDE, "SBUILD_CONFIG": _SETTINGS, **(variables or {})}
        return self._follow(enter, inside, log, replace(limits, disk=self.limits.disk))


def sbuild(work: Work, environment: Environment) -> Trouble | None:
    """Have sbuild install the build dependencies, unpack the source, and build. Raises Broken."""
    log = summary.Phases(work.record)
    ended = work.run(environment, _command(work), DIRECTORY, log)
    log.close()
    if ended.how != "itself" or ended.well:
        return work.why(ended)
    said = work.record.end_of_phase()
    stage = summary.stage(said)
    if summary.is_unsatisfied(stage):
        return _unsatisfied(summary.without_dummy(said))
    if summary.is_the_packages(stage):
        return work.why(ended)
    return Later(f"sbuild, {stage or 'at the start'}: {work.record.first_error()}")


def _unsatisfied(said: str) -> DepWait | Later:
    missing = dependencies.missing(said)
    found = DepWait(missing) if missing else dependencies.not_installed(said)
    return Later(found.reason) if isinstance(found, Unavailable) else found


def _command(work: Work) -> list[str]:
    which = ["--arch-all", "--no-arch-any"] if work.job.architecture == "all" else ["--no-arch-all", "--arch-any"]
    places = [f"--chroot={chroots.PLACE}", f"--build-dir={DIRECTORY}"]
    return ["sbuild", *places, f"--dist={work.job.suite}", *which, work.job.dsc.name]


def _files(archives: Sequence[LocalArchive]) -> tuple[File, ...]:
    """Give the files that make an environment ready for sbuild: its settings, and ids for a namespace of its own."""
    shown = {contents.place(number): contents.place(number) for number in range(len(archives))}
    shown |= {contents.KEYRINGS: _KEYRINGS} if archives else {}
    mounts = ", ".join(
        f"{{ directory => {_perl(here)}, mountpoint => {_perl(there)} }}" for here, there in shown.items()
    )
    lines = (contents.source(number, archive, _KEYRINGS) for number, archive in enumerate(archives))
    sources = ", ".join(_perl(line.strip()) for line in lines)
    user = contents.User()
    settings = _CONFIGURATION.format(
        mounts=mounts, sources=sources, user=user.name, directory=DIRECTORY, path=entering.PATH
    )
    ids = b"root:1:65535\n"
    return (File(_SETTINGS, settings.encode()), File("/etc/subuid", ids), File("/etc/subgid", ids))


def _perl(text: str) -> str:
    """Quote a string for Perl (perlop(1), q)."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


STEPS = (sbuild,)
