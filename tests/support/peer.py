"""sbuild as this machine has it, in its unshare mode, as the peer that builds are compared with.

It runs as the account, unpacks in memory, and builds where debmill does: same path, HOME, locale, zone, parallel and
-A or -B. Its chroot is the one that debmill packs for the way `sbuild`, so it has the same packages and settings.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import time
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from daemons.building.bases.base import Base
from daemons.building.environment import DIRECTORY, Limits, Unavailable
from daemons.building.layers.installing import Layered
from daemons.building.roots import entering
from daemons.building.sbuild.chroots import PLACE, Chroots
from queues.values import BuildJob
from tests.support.tools import run

_SETTINGS = """\
$chroot_mode = 'unshare';
$unshare_tmpdir_template = '/dev/shm/debmill-bench-sbuild.XXXXXXXXXX';
$external_commands = {{ 'chroot-setup-commands' => ['usermod --home /nonexistent {user}'] }};
$build_path = '{directory}';
$path = '{path}';
$build_environment = {{ LC_ALL => 'C.UTF-8' }};
$apt_upgrade = $apt_distupgrade = 0;
$clean_source = $check_space = 0;
$run_lintian = $run_piuparts = $run_autopkgtest = 0;
$purge_build_deps = 'never';
$nolog = 1;
$log_filter = $log_colour = 0;
1;
"""


class Built(Struct, frozen=True):
    """What a build took, in seconds, and the SHA256 of each .deb that it made."""

    seconds: float
    debs: Mapping[str, str]


class Peer:
    """sbuild with a chroot of a base; `work` is a directory of the account."""

    def __init__(self, system: Base, layered: Layered, work: Path) -> None:
        with open(os.devnull, "wb") as log:
            indices = layered.indices.current(log, Limits())
        chroot = Chroots(system, layered.stores.chroots, lambda: None).current(indices, Limits())
        assert not isinstance(chroot, Unavailable), chroot.reason
        self.chroot = chroot.upper / PLACE.lstrip("/")
        self.settings = work / "sbuildrc"
        self.account = pwd.getpwuid(os.geteuid())
        self.settings.write_text(_SETTINGS.format(user=self.account.pw_name, directory=DIRECTORY, path=entering.PATH))

    def build(self, job: BuildJob, dsc: Path, into: Path, parallel: int = 1) -> Built:
        """Build a job with its results in a new directory. Raises ToolFailed."""
        into.mkdir()
        which = ["--arch-all", "--no-arch-any"] if job.architecture == "all" else ["--no-arch-all", "--arch-any"]
        places = [f"--chroot={self.chroot}", f"--build-dir={into}"]
        env = {
            "SBUILD_CONFIG": str(self.settings),
            "DEB_BUILD_OPTIONS": f"parallel={parallel}",
            "HOME": self.account.pw_dir,
            "PATH": entering.PATH,
        }
        started = time.perf_counter()
        run(["sbuild", *places, "--dist=bookworm", *which, dsc], cwd=into, env=env)
        return Built(time.perf_counter() - started, digests(into))


def digests(directory: Path) -> dict[str, str]:
    """Give the SHA256 of each .deb of a directory."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(directory.glob("*.deb"))}
