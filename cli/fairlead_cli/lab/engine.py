"""The outer Docker Engine, which holds the lab's servers: found, or else installed and started.

Run it by hand with `python -m fairlead_cli.lab.engine up` (or `status`).
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from fairlead_cli.lab import machine
from fairlead_cli.lab.processes import LabError, attempt, require, start_detached, tail
from fairlead_cli.lab.wait import until

SOCKET = "unix:///var/run/docker.sock"
RUNTIME = "fairlead-eased"  # the name of our OCI runtime in a dockerd's configuration
RUNTIME_SOURCE = machine.CHECKOUT / "deploy" / "lab" / "oci-runtime"
PIDFILE = Path("/var/run/docker.pid")
START_SECONDS = 60.0
INSTALL_SECONDS = 600.0
QUIET_APT = {"DEBIAN_FRONTEND": "noninteractive"}


@dataclass(frozen=True)
class Engine:
    """A Docker Engine that answers: its version, and whether we installed or started it just now."""

    version: str
    installed: bool = False
    started: bool = False

    def __str__(self) -> str:
        how = [word for word, said in (("installed", self.installed), ("started", self.started)) if said]
        return f"Docker Engine {self.version}" + (f" ({' and '.join(how)})" if how else "")


def folder() -> Path:
    """Where a dockerd started by hand has its log and its runtime."""
    return machine.state_home() / "engine"


def version() -> str | None:
    """The version of the Engine that answers at DOCKER_HOST or the usual socket, None if none does."""
    result = attempt(["docker", "version", "--format", "{{.Server.Version}}"], timeout=15)
    return result.output.strip() if result.ok and result.output.strip() else None


def ensure() -> Engine:
    """An Engine that answers, installed and started if there was none.

    Raises LabError where that needs root or a package manager that is not here.
    """
    found = version()
    if found:
        refuse_unfit()
        return Engine(found)
    host = os.environ.get("DOCKER_HOST")
    if host:
        raise LabError(f"no Docker Engine answers at DOCKER_HOST={host}", "Start it, or unset DOCKER_HOST")
    if not machine.is_root():
        raise LabError(f"no Docker Engine answers at {SOCKET}", "Start Docker, or run this again as root")
    installed = install()
    return Engine(start(), installed=installed, started=True)


def refuse_unfit() -> None:
    """Raises LabError when the Engine that answers could not run a server here: better now than in runc's words."""
    if not machine.needs_eased_runtime():
        return
    runtime = attempt(["docker", "info", "--format", "{{.DefaultRuntime}}"], timeout=15).output.strip()
    if runtime == "runc":
        raise LabError(
            "this machine has no CAP_SYS_RESOURCE, so its Docker Engine cannot run privileged containers with runc",
            f"Stop the Engine, and `fairlead lab up` starts it with {RUNTIME_SOURCE} as its default runtime",
        )


def install() -> bool:
    """Installs Debian's Docker where there is none; whether anything was installed."""
    wanted = missing_packages()
    if not wanted:
        return False
    if not machine.has_apt():
        raise LabError("Docker Engine is not installed", "Install it, start it and run this again")
    advice = f"Run `apt-get update && apt-get install {' '.join(wanted)}` to see why, then this again"
    require(["apt-get", "update", "-q"], timeout=INSTALL_SECONDS, advice=advice, env=QUIET_APT)
    for package in wanted:
        apt_install(package, advice)
    return True


def missing_packages() -> list[str]:
    """The Debian packages that give what is missing; the client is a package of its own from Debian 13 on."""
    packages = [] if shutil.which("dockerd") else ["docker.io"]
    client_comes_along = debian_release() < 13
    if not shutil.which("docker") and not (packages and client_comes_along):
        packages.append("docker-cli")
    return packages


def debian_release() -> int:
    """The number of the Debian release, 99 where this cannot be told."""
    release = Path("/etc/os-release")
    for line in release.read_text(encoding="utf-8").splitlines() if release.exists() else []:
        if line.startswith("VERSION_ID="):
            number = line.partition("=")[2].strip('"').partition(".")[0]
            return int(number) if number.isdigit() else 99
    return 99


def apt_install(package: str, advice: str) -> None:
    """Installs one package; where we start dockerd ourselves, the package must not (runlevel 1 says so)."""
    env = QUIET_APT if machine.has_systemd() else {**QUIET_APT, "RUNLEVEL": "1"}
    words = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
    require(words, timeout=INSTALL_SECONDS, advice=advice, env=env)


def start() -> str:
    """Starts dockerd, by systemd where it runs, else by hand; its version when it answers."""
    log = folder() / "dockerd.log"
    if machine.has_systemd():
        advice = "`journalctl -u docker` tells why"
        require(["systemctl", "enable", "--now", "docker.service"], timeout=START_SECONDS, advice=advice)
    else:
        forget_dead_daemon()
        start_detached(daemon_command(), log)
    return until(
        version,
        what="Docker Engine answers",
        timeout=START_SECONDS,
        advice=lambda: f"Its log, {log}, ends with:\n{tail(log)}",
    )


def daemon_command() -> list[str | Path]:
    """The dockerd command line for a machine without systemd; its data and socket lie where they usually do."""
    words: list[str | Path] = ["dockerd", "--host", SOCKET, "--pidfile", PIDFILE]
    if machine.needs_eased_runtime():
        words += ["--add-runtime", f"{RUNTIME}={runtime_copy()}", "--default-runtime", RUNTIME]
    return words


def runtime_copy() -> Path:
    """Our OCI runtime, copied out of the checkout: dockerd needs it for as long as it runs."""
    copy = folder() / "oci-runtime"
    wanted = RUNTIME_SOURCE.read_bytes()
    if not copy.exists() or copy.read_bytes() != wanted:
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_suffix(".new")
        fresh.write_bytes(wanted)
        fresh.chmod(0o755)
        fresh.replace(copy)
    return copy


def forget_dead_daemon() -> None:
    """Removes the process-id file of a dockerd that is gone: a new one refuses to start beside it."""
    try:
        process = int(PIDFILE.read_text(encoding="ascii"))
        name = Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        name = ""
    if name != "dockerd":
        PIDFILE.unlink(missing_ok=True)


def main(words: list[str]) -> int:
    """`up` finds or starts an Engine, `status` only looks."""
    if words not in (["up"], ["status"]):
        print("usage: python -m fairlead_cli.lab.engine up|status", file=sys.stderr)
        return 1
    try:
        print(ensure() if words == ["up"] else Engine(version() or "none answers"))
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
