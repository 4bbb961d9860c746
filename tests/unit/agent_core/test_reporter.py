"""Only news, the newest of each subject, in batches; a new session hears everything."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fairlead_agent.reporter import Reporter
from fairlead_testing.virtual_time import virtually
from fairlead_wire.assignment import Observation, Subject
from fairlead_wire.task import TaskState

ETCD = Observation(Subject.TASK, "etcd", "h", TaskState.STARTING)
API = Observation(Subject.TASK, "kube-apiserver", "h", TaskState.STARTING)
ORPHAN = Observation(Subject.ORPHAN, "fairlead-x", "h", TaskState.STARTING)


def test_what_changes_together_is_told_together_and_the_newest_wins() -> None:
    async def main() -> None:
        reporter = Reporter()
        reporter.observed(1, (ETCD, API), 10.0)
        waiting = asyncio.create_task(reporter.batch())
        await asyncio.sleep(0.01)
        reporter.observed(2, (replace(ETCD, state=TaskState.HEALTHY), API), 10.0)
        revision, told = await waiting
        assert revision == 2
        assert [(item.name, item.state, item.sequence) for item in told] == [
            ("etcd", TaskState.HEALTHY, 1),
            ("kube-apiserver", TaskState.STARTING, 2),
        ]

    virtually(main())


def test_what_is_no_news_is_not_told() -> None:
    async def main() -> None:
        reporter = Reporter()
        reporter.observed(1, (ETCD,), 10.0)
        await reporter.batch()
        reporter.observed(1, (ETCD,), 20.0)
        try:
            async with asyncio.timeout(60):
                raise AssertionError(f"told {await reporter.batch()}")
        except TimeoutError:
            pass
        assert reporter.newest[(Subject.TASK, "etcd")].observed_ms == 10_000, "it was seen then"

    virtually(main())


def test_a_new_session_is_told_everything_from_number_one() -> None:
    async def main() -> None:
        reporter = Reporter()
        reporter.observed(1, (ETCD, API), 10.0)
        await reporter.batch()
        reporter.begin_session()
        _, told = await reporter.batch()
        assert [item.sequence for item in told] == [1, 2]

    virtually(main())


def test_an_orphan_that_went_away_is_told_as_removed() -> None:
    async def main() -> None:
        reporter = Reporter()
        reporter.observed(1, (ORPHAN,), 10.0)
        await reporter.batch()
        reporter.observed(1, (), 20.0)
        _, told = await reporter.batch()
        assert [item.state for item in told] == [TaskState.REMOVED]

    virtually(main())
