"""Taking chains and tables of components out of the packet filter. `removal` and `tables_in` are pure.

iptables keeps rules in one of two places in the kernel: "legacy" and "nft". A host may have used either, or both.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from fairlead_agent.commands import NoSuchProgram, must, run
from fairlead_agent.effects import HostFailure

BACKENDS = ("iptables-legacy", "ip6tables-legacy", "iptables-nft", "ip6tables-nft")
_JUMPS = ("-j", "-g", "--jump", "--goto")
_LOCK_SECONDS = "5"


@dataclass
class _Table:
    name: str
    chains: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def removal(saved: str, prefixes: Sequence[str]) -> str:
    """From the output of `iptables-save`: the input of `iptables-restore --noflush` that takes the chains away whose
    names begin with one of the prefixes. "" if there are none.

    In each table, which is changed in one step: first the rules of other chains that jump there, then what is in the
    chains (they jump to one another), then the chains.
    """
    return "".join(_without(table, tuple(prefixes)) for table in _parsed(saved))


def tables_in(listed: str, wanted: Iterable[str]) -> tuple[str, ...]:
    """Those of `wanted`, for example "ip kube-proxy", that are in the output of `nft list tables`."""
    there = {line.removeprefix("table ").strip() for line in listed.splitlines()}
    return tuple(table for table in wanted if table in there)


class Firewall:
    """`prefix` goes before each command, for example to enter a network namespace."""

    def __init__(self, prefix: tuple[str, ...] = ()) -> None:
        self._prefix = prefix

    async def remove_chains(self, prefixes: Sequence[str]) -> None:
        """In both backends, IPv4 and IPv6. Raises HostFailure if a chain stays."""
        for backend in BACKENDS if prefixes else ():
            saved = await self._saved(backend)
            if changes := removal(saved, prefixes):
                await must((*self._prefix, f"{backend}-restore", "--noflush", "-w", _LOCK_SECONDS), changes)

    async def remove_tables(self, tables: Sequence[str]) -> None:
        if not tables:
            return
        try:
            listed = await must((*self._prefix, "nft", "list", "tables"))
        except NoSuchProgram:
            return
        for table in tables_in(listed, tables):
            await must((*self._prefix, "nft", "delete", "table", *table.split()))

    async def _saved(self, backend: str) -> str:
        """ "" where the program or the kernel's half of it is missing: then it has no rules either."""
        try:
            ended = await run((*self._prefix, f"{backend}-save"))
        except NoSuchProgram:
            return ""
        if ended.code != 0 and "Permission denied" in ended.err:
            raise HostFailure(f"`{backend}-save` may not read the rules; run the agent privileged")
        return ended.out if ended.code == 0 else ""


def _parsed(saved: str) -> list[_Table]:
    tables: list[_Table] = []
    for line in saved.splitlines():
        if line.startswith("*"):
            tables.append(_Table(line[1:].strip()))
        elif line.startswith(":") and tables:
            tables[-1].chains.append(line[1:].split(" ", 1)[0])
        elif line.startswith("-A ") and tables:
            tables[-1].lines.append(line)
    return tables


def _without(table: _Table, prefixes: tuple[str, ...]) -> str:
    doomed = [chain for chain in table.chains if chain.startswith(prefixes)]
    if not doomed:
        return ""
    jumps = [line for line in table.lines if _jumps_to(line, doomed) and line.split()[1] not in doomed]
    script = [f"*{table.name}"]
    script += [f"-D {line.removeprefix('-A ')}" for line in jumps]
    script += [f"-F {chain}" for chain in doomed]
    script += [f"-X {chain}" for chain in doomed]
    return "\n".join([*script, "COMMIT", ""])


def _jumps_to(line: str, chains: list[str]) -> bool:
    """The target is the word after -j: comments are quoted, so only a word of its own counts."""
    return any(word in _JUMPS and target in chains for word, target in pairwise(shlex.split(line)))
