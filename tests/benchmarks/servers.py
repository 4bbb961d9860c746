"""The lab that is measured on: three servers with agents and images, and no cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead_cli.lab import bringup, down, outer, size
from fairlead_cli.lab.lock import held
from fairlead_cli.lab.names import Lab
from fairlead_cli.lab.steps import Outcome, Step, run

NAME, SERVERS = "bench", 3
NOT_WANTED = ("cluster", "walk", "registry")
SCRIPT_SECONDS = 180.0


class Told:
    """A line for each step."""

    def started(self, step: Step) -> None:
        print(f"   {step.title} …", flush=True)

    def said(self, step: Step, text: str) -> None:
        """Not told."""

    def ended(self, outcome: Outcome) -> None:
        """Not told."""

    def failed(self, step: Step) -> None:
        print(f"   {step.title} failed", flush=True)


@contextmanager
def lab(keep: bool = False, made: Lab = Lab(NAME, SERVERS)) -> Iterator[Lab]:  # noqa: B008 - nothing changes it
    """A lab of its own, gone after the block unless it is to be kept."""
    size.remember(made)
    with held(made):
        run([step for step in bringup.steps(made) if step.name not in NOT_WANTED], Told())
    try:
        yield made
    finally:
        if not keep:
            down.down(made)


def script(node: str, text: str) -> str:
    """Runs a script on a server; what it printed. Raises RuntimeError with its last words."""
    done = outer.try_docker("exec", "-i", node, "bash", "-es", timeout=SCRIPT_SECONDS, stdin=text)
    if not done.ok:
        raise RuntimeError(f"a script failed on {node}: {done.last_words}")
    return done.output


def root(node: str) -> Path:
    """Where a server's `/` is for this machine's root."""
    return Path(f"/proc/{outer.docker('inspect', '--format', '{{.State.Pid}}', node)}/root")


def agent_process(node: str) -> int:
    """The agent's process id, as this machine counts: the one process of that name whose root lies on the server."""
    inside = int(script(node, "docker inspect --format '{{.State.Pid}}' fairlead-agent"))
    space = (root(node).parent / "ns" / "pid").readlink()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            numbers = [line for line in (place / "status").read_text().splitlines() if line.startswith("NSpid:")]
            same = (place / "ns" / "pid").readlink() == space
        except OSError:
            continue
        if same and numbers and int(numbers[0].split()[-1]) == inside:
            return int(place.name)
    raise RuntimeError(f"the agent's process on {node} is not to be found")
