"""A whole controller as a process, with or without a registry, and what its log says."""

from __future__ import annotations

import json
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from fairlead_controller.app import main
from fairlead_wire.channels import Credentials, open_channel

PROGRAM = "import sys; from fairlead_controller.app import run; sys.exit(run())"
PATIENCE = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class ServedController:
    """Made in `folder`; `words` are further ones of `serve`."""

    folder: Path
    words: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    fleet_port: int = field(default_factory=free_port)
    registry_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def __post_init__(self) -> None:
        words = ["init", "--data", str(self.data), "--address", "127.0.0.1", "--enrol-port", str(free_port())]
        words += ["--fleet-port", str(self.fleet_port), "--context-file", str(self.folder / "admin.json")]
        assert main(words) == 0
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def registry(self) -> str:
        return f"127.0.0.1:{self.registry_port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        words = ["serve", "--data", str(self.data), "--listen", "127.0.0.1", "--log-format", "json"]
        words += ["--registry-port", str(self.registry_port), *self.words]
        environment = {**self.environment, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words], env=environment, stderr=subprocess.PIPE, text=True
        )
        self._lines = queue.Queue()
        threading.Thread(target=_read, args=(self.process, self._lines), daemon=True).start()

    def says(self, event: str) -> dict[str, Any]:
        """The next line of its log with that event."""
        seen: list[dict[str, Any]] = []
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"the controller never said {event!r}, but {seen}") from None
            seen.append(line)
            if line["event"] == event:
                return line

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process is not None:
            self.kill()

    def credentials(self) -> Credentials:
        context = json.loads((self.folder / "admin.json").read_text())
        return Credentials(
            context["fleet_id"], *(context[name].encode() for name in ("authority", "certificate", "key"))
        )

    def channel(self) -> grpc.aio.Channel:
        return open_channel(f"127.0.0.1:{self.fleet_port}", self.credentials())


def children_of(pid: int) -> list[int]:
    """Process ids of a process's children that have not ended."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if int(parent) == pid and state not in "ZX":
                found.append(int(entry.name))
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Returns once the condition holds; it is looked at again and again."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come to be within {seconds} s"
        time.sleep(0.01)


def has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except OSError:
        return True


def _read(process: subprocess.Popen[str], lines: queue.Queue[dict[str, Any]]) -> None:
    assert process.stderr is not None
    with process.stderr:
        for line in process.stderr:
            try:
                lines.put(json.loads(line))
            except ValueError:
                lines.put({"event": line.strip()})
