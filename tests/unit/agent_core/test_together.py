"""What is asked regularly is asked at the same moments, and what is no news wakes nobody."""

from __future__ import annotations

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


def test_components_that_are_well_are_asked_at_the_same_moments() -> None:
    async def main() -> None:
        async with agent(*(f"{name}:1" for name in NAMES)) as bench:
            tasks = [service(name, port=port) for port, name in enumerate(NAMES, 1)]
            await bench.hold(assignment(*tasks))
            for name in NAMES:
                await bench.until_healthy(name)
            await bench.live(STEADY_SECONDS)
            dues = {health.due for health in bench.loop.view.health.values()}
            assert len(dues) == 1

    virtually(main())
