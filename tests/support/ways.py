"""Ways to upload: a client on a machine, as the site's own command printed it, or with a change that users make."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.reception import Reception
from tests.support.sources import SourceUpload
from tests.support.systems import Machine, System
from tests.support.tools import Ran


def command(machine: Machine, upload: SourceUpload) -> str:
    """The command that the site printed for the machine's client, with the names of an upload."""
    names = [path.name for path in upload.files]
    printed: str = machine.client["command"]
    return printed.replace("FILES", " ".join(names)).replace("CHANGES", names[-1])


@dataclass(frozen=True)
class Way:
    """A way to upload: a client as printed, or with `change` made to its command, or a `script` instead.

    `hears` says whether the client shows what the server says when it takes an upload, `reason` whether it shows why
    one is refused; every one ends with another status than 0 then. One that `goes_on` sends the rest, too.
    """

    client: str
    system: System
    before: str = ":"
    change: tuple[str, str] = ("", "")
    script: str = ""
    hears: bool = True
    reason: bool = True
    goes_on: bool = False

    def send(self, desk: Reception, upload: SourceUpload, mode: int = 0o644, then: str = "") -> Ran:
        """Send an upload; its signer's key is in the machine's keyring, for the clients that look at signatures."""
        machine = desk.machine(self.system, self.client)
        send = self.script or command(machine, upload).replace(*self.change)
        return machine.run(f"{self.before}\n{send}\n{then}", upload.files, upload.signer, mode)
