"""The lab's controller: an ordinary process on this machine, at the host's address in the lab's network."""

from __future__ import annotations

import os
import signal
import socket
from ipaddress import IPv4Address
from pathlib import Path

from fairlead_cli.lab import front, registry_program
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.network import Addresses
from fairlead_cli.lab.processes import LabError, require, start_detached, tail
from fairlead_cli.lab.wait import until

ENROL_PORT = 7070
FLEET_PORT = 7071
REGISTRY_PORT = 7072  # the fleet's, for images
START_SECONDS = 30.0
STOP_SECONDS = 15.0


def log(lab: Lab) -> Path:
    """The controller's log."""
    return lab.folder / "controller.log"


def pidfile(lab: Lab) -> Path:
    """The file that holds the controller's process id."""
    return lab.folder / "controller.pid"


def process(lab: Lab) -> int | None:
    """The process id of the lab's controller, None when it does not run; ids are used again, so look twice."""
    try:
        number = int(pidfile(lab).read_text(encoding="ascii"))
        words = Path(f"/proc/{number}/cmdline").read_bytes().split(b"\0")
        state = Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    if words == [b""]:  # it has ended and nobody waited for it, or it has only just been started
        return None if state in "ZX" else number
    return number if str(lab.controller_data).encode() in words else None


def listens(address: IPv4Address, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((str(address), port), timeout=1):
            return True
    except OSError:
        return False


def is_up(lab: Lab, addresses: Addresses) -> bool:
    """Whether the lab's controller runs, both its listeners accept, and its context is there."""
    ports = (ENROL_PORT, FLEET_PORT)
    return process(lab) is not None and lab.context.exists() and all(listens(addresses.host, port) for port in ports)


def initialise(lab: Lab, addresses: Addresses) -> None:
    """Makes the controller's data and the admin context, each once: an interrupted `init` may be run again."""
    claim_context(lab)
    lab.context.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    data, context = ["--data", str(lab.controller_data)], ["--context-file", str(lab.context)]
    if not lab.initialised.exists():
        ports = ["--enrol-port", str(ENROL_PORT), "--fleet-port", str(FLEET_PORT)]
        call("init", "--address", str(addresses.host), *ports, *data, *context)
        lab.initialised.write_text("\n", encoding="ascii")
    elif not lab.context.exists():
        call("admin-cert", "--name", "admin", *data, *context)


def claim_context(lab: Lab) -> None:
    """Takes the context's name for this lab. Raises LabError if it is that of another fleet, whose key it holds."""
    if not lab.owns_context.exists() and not lab.initialised.exists() and lab.context.exists():
        raise LabError(
            f"there is a context `{lab.name}` already, and it is not this lab's: it was left as it is",
            f"Give the lab another --name; if that fleet is no more, remove {lab.context}",
        )
    lab.folder.mkdir(parents=True, exist_ok=True)
    lab.owns_context.write_text("\n", encoding="ascii")


def call(*words: str) -> None:
    """A `fairlead-controller` command that must end well."""
    advice = "`fairlead lab down` clears away what an earlier try left; then run `fairlead lab up` again"
    require([front.command("fairlead-controller"), *words], timeout=START_SECONDS, advice=advice)


def start(lab: Lab, addresses: Addresses) -> None:
    """Starts the controller and waits for its listeners."""
    if process(lab) is None:
        refuse_taken_ports(addresses)
        program = front.command("fairlead-controller")
        words = [str(program), "serve", "--data", str(lab.controller_data), "--listen", str(addresses.host)]
        if (registry := registry_program.find(lab)) is not None:
            words += ["--registry", str(registry), "--registry-port", str(REGISTRY_PORT)]
        number = start_detached(words, log(lab))
        pidfile(lab).write_text(f"{number}\n", encoding="ascii")
    until(
        lambda: lives(lab) and is_up(lab, addresses),
        what=f"the controller listens at {addresses.host}",
        timeout=START_SECONDS,
        advice=lambda: f"Its log, {log(lab)}, ends with:\n{tail(log(lab))}",
    )


def lives(lab: Lab) -> bool:
    """True while the controller runs; raises LabError when it has ended: no use in waiting for it."""
    if process(lab) is None:
        raise LabError("the controller ended at once", f"Its log, {log(lab)}, ends with:\n{tail(log(lab))}")
    return True


def refuse_taken_ports(addresses: Addresses) -> None:
    """Raises LabError when another program listens where the controller will.

    Its registry waits for its port by itself, and the controller does without meanwhile.
    """
    for port in (ENROL_PORT, FLEET_PORT):
        if listens(addresses.host, port):
            raise LabError(f"port {port} is taken by another program", f"`ss -ltnp sport = :{port}` names it: end it")


def ensure(lab: Lab, addresses: Addresses) -> str:
    """A controller that answers, initialised and started if need be; where it is."""
    initialise(lab, addresses)
    start(lab, addresses)
    images = f", gives images at {REGISTRY_PORT}" if registry_program.find(lab) else ""
    return f"listens at {addresses.host}:{FLEET_PORT}{images}"


def stop(lab: Lab) -> bool:
    """Ends the controller, gently and then not; whether it ran."""
    number = process(lab)
    if number is None:
        return False
    os.kill(number, signal.SIGTERM)
    try:
        until(
            lambda: process(lab) is None,
            what="the controller ends",
            timeout=STOP_SECONDS,
            advice=lambda: "",
        )
    except LabError:
        os.kill(number, signal.SIGKILL)
    return True
