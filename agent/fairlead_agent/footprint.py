"""Takes away what a component leaves on its host, and nothing else.

Order: containers (they hold mounts and interfaces), mounts, directories, interfaces, the packet filter, files.
Each path passes `guard` first: the node's own policy says what may be removed, whatever the controller asks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from fairlead_agent.commands import last_line, run
from fairlead_agent.effects import HostFailure
from fairlead_agent.firewall import Firewall
from fairlead_agent.host_paths import HostPaths, below
from fairlead_agent.mounts import HostMounts
from fairlead_agent.removal import remove_file, remove_tree
from fairlead_agent.runtime.port import Runtime
from fairlead_wire.task import Footprint

KEPT_DIRECTORIES = ("/var/lib/fairlead", "/var/lib/fairlead-controller")
"""The agent's own, and that of a controller on a server that it manages: no policy gives them away."""
OURS = "fairlead."
"""Labels of our own containers; a footprint is about others, of which pods are the only ones so far."""


class FootprintCleaner:
    """`guard` gives "" or the sentence why a path may not be removed; `prefix` enters a network namespace."""

    def __init__(
        self,
        paths: HostPaths,
        mounts: HostMounts,
        guard: Callable[[str], str],
        prefix: tuple[str, ...] = (),
    ) -> None:
        self._paths, self._mounts, self._guard, self._prefix = paths, mounts, guard, prefix
        self._firewall = Firewall(prefix)

    async def clean(self, footprint: Footprint, destroy_data: bool, runtime: Runtime) -> tuple[str, ...]:
        """Sentences of what stays and where. Raises HostFailure where a second try may help."""
        self._refuse(footprint)
        for label in footprint.container_labels:
            await runtime.remove_labelled(label)
        doomed = footprint.directories + (footprint.data_directories if destroy_data else ())
        for path in doomed:
            await self._mounts.unmount_below(self._paths.canonical(path))
        stays = await asyncio.to_thread(lambda: [self._remove(path) for path in doomed])
        await self._remove_interfaces(footprint.interfaces)
        await self._firewall.remove_chains(footprint.chains)
        await self._firewall.remove_tables(footprint.nft_tables)
        for path in footprint.files:
            await asyncio.to_thread(remove_file, self._paths.at(path))
        kept = () if destroy_data else tuple(self._kept(footprint))
        return (*(sentence for sentence in stays if sentence), *kept)

    def _refuse(self, footprint: Footprint) -> None:
        """Before anything is touched."""
        for path in (*footprint.directories, *footprint.data_directories, *footprint.files):
            if sentence := self._guard(path) or self._kept_refusal(path):
                raise HostFailure(sentence)
        for label in footprint.container_labels:
            if label.startswith(OURS) or "=" not in label:
                raise HostFailure(f"containers with the label {label!r} are not a component's to remove")
        if "" in footprint.chains:
            raise HostFailure("an empty prefix would mean every chain")

    def _kept_refusal(self, path: str) -> str:
        name = self._paths.canonical(path)
        near = any(below(name, kept) or below(kept, name) for kept in KEPT_DIRECTORIES)
        return f"{path} is not a component's to remove: Fairlead itself keeps its data there" if near else ""

    def _remove(self, path: str) -> str:
        """Two lists of mounts: the host's, and the agent's own, which lacks what does not propagate to it."""
        top, root = self._paths.followed(path), self._paths.root
        mounted = {f"{root}{mount.path}" for mount in self._mounts.current()}
        mounted |= {mount.path for mount in self._mounts.seen_by_agent()}
        return remove_tree(top, sorted(mounted)).replace(f"{root}/", "/")

    def _kept(self, footprint: Footprint) -> Iterator[str]:
        for path in footprint.data_directories:
            if self._paths.followed(path).exists():
                yield f"The data stays in {path}; remove that directory when you need it no more."

    async def _remove_interfaces(self, names: tuple[str, ...]) -> None:
        for name in names:
            ended = await run((*self._prefix, "ip", "link", "show", "dev", name))
            if ended.code != 0:  # it is gone
                continue
            ended = await run((*self._prefix, "ip", "link", "delete", "dev", name))
            if ended.code != 0:
                raise HostFailure(f"the interface {name} can't be removed: {last_line(ended.err)}")
