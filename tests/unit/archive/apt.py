"""A real apt client for tests: its own root, its own configuration and nothing of the machine's."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server:
    """A web server of static files on a free port; `requests` are the paths that were asked for."""

    def __init__(self, root: Path) -> None:
        self.requests: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self.requests, directory=str(root)))
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Server]:
        """Serve until the block is left."""
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, requests: list[str], *args: object, **kwargs: object) -> None:
        self.requests = requests
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def log_message(self, *_: object) -> None:
        self.requests.append(self.path)


class Apt:
    """An apt whose root is a directory."""

    def __init__(self, root: Path, architecture: str = "amd64") -> None:
        self.root = root
        self.home = root / "work"
        for name in ("etc/apt/empty", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial", "work"):
            (root / name).mkdir(parents=True)
        (root / "var/lib/dpkg").mkdir()
        (root / "var/lib/dpkg/status").touch()
        self.configuration = root / "apt.conf"
        self.configuration.write_text(
            f'Dir "{root}";\nDir::Etc::Parts "{root}/etc/apt/empty";\nDir::Etc::Main "/dev/null";\n'
            f'Dir::State::status "{root}/var/lib/dpkg/status";\nDir::Bin::Methods "/usr/lib/apt/methods";\n'
            f'Dir::Etc::TrustedParts "{root}/etc/apt/empty";\nDir::Etc::Trusted "/dev/null";\n'
            f'APT::Architecture "{architecture}";\nAPT::Architectures {{ "{architecture}"; }};\n'
            'APT::Sandbox::User "root";\nAcquire::Languages "none";\n#clear APT::Update::Post-Invoke;\n'
        )

    def source(self, url: str, suite: str, key: Path, components: str = "main") -> None:
        """Write the one source of packages that this apt knows."""
        self.stanza(f"Types: deb deb-src\nURIs: {url}\nSuites: {suite}\nComponents: {components}\nSigned-By: {key}\n")

    def stanza(self, text: str) -> None:
        """Write the file of the one source of packages that this apt knows."""
        (self.root / "etc/apt/sources.list.d").mkdir(exist_ok=True)
        (self.root / "etc/apt/sources.list.d/site.sources").write_text(text)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a program of apt's; never raises."""
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "APT_CONFIG": str(self.configuration)}
        return subprocess.run(command, cwd=self.home, env=environment, capture_output=True, text=True, check=False)

    def update(self) -> subprocess.CompletedProcess[str]:
        """Run apt-get update; any failed index is a failure."""
        return self.run("apt-get", "update", "-o", "APT::Update::Error-Mode=any")
