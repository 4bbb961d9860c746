"""What an agent tells for the event log."""

from __future__ import annotations

from fairlead_agent.happenings import Happening
from fairlead_agent.machine_events import docker_stirred
from fairlead_agent.runtime.port import ContainerStatus
from fairlead_testing.agent_bench import AgentBench, agent
from fairlead_testing.tasks import assignment, service
from fairlead_testing.virtual_time import virtually

ETCD = service("etcd", port=2379)


async def healthy_etcd(bench: AgentBench) -> str:
    """The id of the container that runs."""
    await bench.hold(assignment(ETCD))
    await bench.until_healthy("etcd")
    return bench.runtime.held("fairlead-etcd").id


async def next_told(bench: AgentBench) -> Happening:
    told = await bench.happenings.next()
    bench.happenings.told(told)
    return told


def test_a_container_that_others_remove_is_told_once_and_made_again() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            await bench.runtime.remove(await healthy_etcd(bench))
            told = await next_told(bench)
            assert (told.kind, told.component) == ("container-missing", "etcd")
            await bench.until_healthy("etcd")
            await bench.live(60)
            assert not bench.happenings._waiting

    virtually(main())


def test_one_that_is_seen_while_others_remove_it_is_told_as_removed_too() -> None:
    async def main() -> None:
        async with agent("etcd:1") as bench:
            old = await healthy_etcd(bench)
            bench.runtime.held("fairlead-etcd").status = ContainerStatus.DEAD
            bench.loop._put(docker_stirred)
            told = await next_told(bench)
            assert (told.kind, told.component) == ("container-missing", "etcd")
            await bench.until_healthy("etcd")
            assert bench.runtime.held("fairlead-etcd").id != old
            await bench.live(60)
            assert not bench.happenings._waiting

    virtually(main())
