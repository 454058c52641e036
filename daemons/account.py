"""The service account: who owns a site's files, and how a command started as root becomes that account.

Only etc/setup and the supervisor's first lines run as root; every command gives it up before it touches the site.
"""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from queues.problem import Problem

NAME = "debmill"
BEGAN_AS_ROOT = os.geteuid() == 0  # who could, may speak for anybody, also when that is given up


class NoAccess(Problem):
    """The account is missing, or may not reach a path; says which, and what to do."""


def give_up_root() -> None:
    """Become the service account for good when started as root. Raises NoAccess."""
    os.umask(0o022)
    if os.geteuid() != 0:
        return
    account = _account()
    os.initgroups(account.pw_name, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.environ.update(HOME=account.pw_dir, USER=account.pw_name, LOGNAME=account.pw_name)


def ids() -> tuple[int, int]:
    """Give the account's user and group. Raises NoAccess."""
    account = _account()
    return account.pw_uid, account.pw_gid


def own(path: Path) -> None:
    """Make a directory for the site: made by root, owned by the account. Raises NoAccess."""
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        if os.geteuid() == 0:
            account = _account()
            os.chown(path, account.pw_uid, account.pw_gid)
            path.chmod(0o755)
    except OSError as error:
        raise NoAccess(f"{path} cannot be made: {error.strerror}") from None


def reach(path: Path) -> None:
    """Check that we, as who we are now, can work in a directory. Raises NoAccess naming the parent that forbids it."""
    for parent in (*reversed(path.parents), path):
        if parent.exists() and not os.access(parent, os.X_OK):
            raise NoAccess(
                f"{parent} may not be entered by the account {_user()}: "
                f"choose a site elsewhere (/var/lib/debmill), or allow it with 'chmod o+x {parent}'"
            )
    if path.exists() and not os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY:
        raise NoAccess(f"{path} may not be written by the account {_user()}: the site belongs to somebody else")


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise NoAccess(f"there is no account '{NAME}' on this machine: etc/setup makes it") from None


def _user() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
