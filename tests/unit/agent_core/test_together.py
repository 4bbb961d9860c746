"""What is asked regularly is asked at the same moments, and what is no news wakes nobody."""

from __future__ import annotations

from functools import partial
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_agent.machine_health import STEADY_SECONDS
from fairlead_agent.view import Moment
from fairlead_testing.agent_bench import agent
from fairlead_testing.tasks import assignment, service
from fairlead_testing.virtual_time import virtually

NAMES = ("etcd", "kube-apiserver", "kube-scheduler", "coredns")


@given(st.floats(0, 1e7), st.sampled_from([5.0, 30.0, 60.0]))
def test_a_tick_is_ahead_and_not_further_than_its_period(steady: float, period: float) -> None:
    tick = Moment(steady, 0.0).tick(period)
    assert steady < tick <= steady + period
    assert tick % period == pytest.approx(0.0)


def test_an_agent_at_rest_turns_twice_for_all_that_falls_due_together() -> None:
    """Once to ask, once for all answers: what an idle agent costs is what it turns."""

    async def main() -> None:
        async with agent(*(f"{name}:1" for name in NAMES)) as bench:
            await bench.hold(assignment(*(service(name, port=port) for port, name in enumerate(NAMES, 1))))
            for name in NAMES:
                await bench.until_healthy(name)
            bench.prober.takes = partial(next, cycle((0.001, 0.004, 0.002, 0.008)))
            await bench.live(STEADY_SECONDS)
            asked, turned = len(bench.prober.asked), bench.turns
            await bench.live(10 * STEADY_SECONDS)
            assert len(bench.prober.asked) - asked >= 9 * len(NAMES)
            assert bench.turns - turned <= 10 * 2 + len(("listing", "inspection")) * 4

    virtually(main())
