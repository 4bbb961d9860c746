"""What containers use: two looks at Docker's counters, and what happened between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from fairlead.api.v1 import docker_pb2
from fairlead_agent.docker_calls.call import Call
from fairlead_agent.runtime.port import RuntimeFailure

PERIOD_SECONDS = 1.0
Looks = dict[str, Mapping[str, Any]]


async def watch_stats(
    call: Call, request: docker_pb2.WatchStatsRequest
) -> AsyncGenerator[docker_pb2.WatchStatsResponse, None]:
    """Those that were named are looked up first: who is not there is told at once."""
    named = [await call.container(reference) for reference in request.containers]
    wanted = {each["Id"]: each["Name"] for each in named}
    before = await _look(call, wanted)
    while True:
        await asyncio.sleep(PERIOD_SECONDS)
        now = await _look(call, wanted)
        yield docker_pb2.WatchStatsResponse(stats=[used(before.get(each, {}), now[each]) for each in now])
        if request.once:
            return
        before = now


def used(before: Mapping[str, Any], now: Mapping[str, Any]) -> docker_pb2.DockerStats:
    """What `docker stats` shows of two looks; without an earlier one, no use of the processor. Pure."""
    networks, memory = (now.get("networks") or {}).values(), now.get("memory_stats") or {}
    return docker_pb2.DockerStats(
        id=now["id"],
        name=now["name"].removeprefix("/"),
        cpu=_cores(before.get("cpu_stats") or {}, now.get("cpu_stats") or {}),
        memory=_without_cache(memory),
        memory_limit=memory.get("limit", 0),
        network_in=sum(each["rx_bytes"] for each in networks),
        network_out=sum(each["tx_bytes"] for each in networks),
        block_in=_blocks(now, "read"),
        block_out=_blocks(now, "write"),
        pids=(now.get("pids_stats") or {}).get("current", 0),
    )


async def _look(call: Call, wanted: Mapping[str, str]) -> Looks:
    """By identifier, of those that are wanted (identifier → name), or of all that run; what has gone is left out."""
    names = wanted or {item["Id"]: item["Names"][0] for item in await call.get("/containers/json")}
    found = await asyncio.gather(*(_stats(call, identity, name) for identity, name in names.items()))
    return {item["id"]: item for item in found if item is not None}


async def _stats(call: Call, identity: str, name: str) -> Mapping[str, Any] | None:
    """With its name, which Engines leave out when they are asked for one look."""
    try:
        told = await call.get(f"/containers/{identity}/stats", **{"stream": "0", "one-shot": "1"})
    except RuntimeFailure as failure:
        if failure.status == 404:
            return None
        raise
    return {**told, "id": identity, "name": name}


def _cores(before: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """As `docker stats` counts (docker/cli, cli/command/container/stats_helpers.go), in cores instead of percent."""
    if not before:
        return 0.0
    mine = now["cpu_usage"]["total_usage"] - before["cpu_usage"]["total_usage"]
    all_cores = now.get("system_cpu_usage", 0) - before.get("system_cpu_usage", 0)
    online = now.get("online_cpus") or len(now["cpu_usage"].get("percpu_usage") or ()) or 1
    return mine / all_cores * online if mine > 0 and all_cores > 0 else 0.0


def _without_cache(memory: Mapping[str, Any]) -> int:
    """The page cache that can be dropped is not counted: cgroup v1 says total_inactive_file, v2 inactive_file."""
    usage, parts = memory.get("usage", 0), memory.get("stats") or {}
    cache = parts.get("total_inactive_file", parts.get("inactive_file", 0))
    return int(usage - cache if cache < usage else usage)


def _blocks(now: Mapping[str, Any], what: str) -> int:
    entries = (now.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return sum(entry["value"] for entry in entries if entry["op"].lower() == what)
