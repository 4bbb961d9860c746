"""Kubernetes objects by server-side apply at this node's own apiserver: see `effects.Objects`."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import urllib3

from fairlead_agent.effects import ApplyResult
from fairlead_agent.host_paths import HostPaths
from fairlead_agent.http_pools import Endpoint, HttpPools, MissingFile, reason
from fairlead_wire.assignment import ObjectSpec
from fairlead_wire.task import canonical_json

MANAGER = "fairlead"
PATCH = "patch/"
"""Objects with names that begin so belong to others and are only patched, for example a Node of its kubelet's."""
APPLY_TYPE, MERGE_TYPE = "application/apply-patch+yaml", "application/merge-patch+json"
SECONDS = 10.0
THREADS = 4
MAY_PASS = frozenset({404, 408, 409, 429})
"""Answers that may be others later: a namespace or type that is made by then, a conflict, too many requests."""

ALLOCATED = "is already allocated"
"""In the 422 for a Service's address or port that another has (Kubernetes, ipallocator's and portallocator's
ErrAllocated). One that was cut off while it was made leaves its address taken until the apiserver's repair, which
comes after a minute or more."""


class ClusterObjects:
    """`certificate` (its key beside it) and `authority` are paths on the host. `close` ends its threads."""

    def __init__(
        self,
        certificate: str,
        authority: str,
        host: str = "127.0.0.1",
        port: int = 6443,
        paths: HostPaths | None = None,
    ) -> None:
        self._endpoint = Endpoint(host, port, authority=authority, certificate=certificate)
        self._pools = HttpPools(paths)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="objects")

    async def apply(self, spec: ObjectSpec) -> ApplyResult:
        """By force: what others set in the fields that we set is set back. A patch needs the object to be there."""
        if spec.name.startswith(PATCH):
            return await self._patch(spec.path, json.loads(spec.manifest))
        target = f"{spec.path}?fieldManager={MANAGER}&force=true"
        return judged(*await self._ask("PATCH", target, spec.manifest.encode(), APPLY_TYPE), spec.path)

    async def _patch(self, path: str, wanted: dict[str, Any]) -> ApplyResult:
        if "taints" in wanted.get("spec", {}):
            status, body = await self._ask("GET", path, None, MERGE_TYPE)
            if status != 200:
                return judged(status, body, path)
            wanted = beside_other_taints(wanted, json.loads(body))
        target, content = f"{path}?fieldManager={MANAGER}", canonical_json(wanted).encode()
        return judged(*await self._ask("PATCH", target, content, MERGE_TYPE), path)

    async def remove(self, path: str) -> ApplyResult:
        status, body = await self._ask("DELETE", f"{path}?propagationPolicy=Background", None, "application/json")
        return ApplyResult(True) if status == 404 else judged(status, body, path)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._pools.close()

    async def _ask(self, method: str, target: str, body: bytes | None, kind: str) -> tuple[int, str]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._on_thread, method, target, body, kind)

    def _on_thread(self, method: str, target: str, body: bytes | None, kind: str) -> tuple[int, str]:
        """Status and body; status 0 and the reason if there is no answer."""
        headers = {"Content-Type": kind, "Accept": "application/json"}
        timeout = urllib3.Timeout(total=SECONDS)
        try:
            pool = self._pools.pool(self._endpoint)
            answer = pool.request(method, target, body=body, headers=headers, timeout=timeout, redirect=False)
        except MissingFile as missing:
            return 0, f"{missing} is not there yet"
        except (urllib3.exceptions.HTTPError, ssl.SSLError, OSError) as error:
            return 0, reason(error)
        return answer.status, answer.data.decode(errors="replace")


def beside_other_taints(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The patch with the whole list of taints, since a patch can only replace all of it: other people's stay.

    A taint with "$patch": "delete" is one that shall not be there, as strategic merge patches write it. The version
    makes the patch fail if somebody changed the Node meanwhile. Pure.
    """
    ours = wanted["spec"]["taints"]
    named = {(taint["key"], taint["effect"]) for taint in ours}
    others = [taint for taint in there["spec"].get("taints") or () if (taint["key"], taint["effect"]) not in named]
    taints = [*others, *(taint for taint in ours if "$patch" not in taint)]
    metadata = {**wanted.get("metadata", {}), "resourceVersion": there["metadata"]["resourceVersion"]}
    return {**wanted, "metadata": metadata, "spec": {**wanted["spec"], "taints": taints}}


def judged(status: int, body: str, path: str) -> ApplyResult:
    """What an answer of the apiserver means for the object at `path`. Pure."""
    if 200 <= status < 300:
        return ApplyResult(True)
    if status == 0:
        return ApplyResult(False, True, f"The apiserver does not answer: {body}; {path} is tried again.")
    told = f"{status} from the apiserver for {path}: {_message(body)}"
    if status in MAY_PASS or status >= 500 or (status == 422 and ALLOCATED in told):
        return ApplyResult(False, True, f"{told}; this is tried again.")
    return ApplyResult(False, False, f"{told}; the object has to be changed.")


def _message(body: str) -> str:
    """The apiserver's own words, from its Status object."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return " ".join(body.split())[:200] or "no reason given"
