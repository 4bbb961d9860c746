"""`docker rm -f` of a component: it is back within seconds, the others never notice, and it is told."""

from __future__ import annotations

import time

import pytest

from fairlead_testing.fault_lab import COMPONENTS, FaultLab, Runs, ids

BACK_SECONDS = 20.0  # on a busy machine; `make bench` has the budget of 2 s


@pytest.mark.parametrize("component", sorted(COMPONENTS))
def test_a_removed_component_is_back_within_seconds_and_told(lab: FaultLab, before: Runs, component: str) -> None:
    newest, begin = lab.newest_event(), time.monotonic()
    lab.on_server(f"docker rm -f fairlead-{component}")
    after = lab.until_runs(lambda runs: runs[component].id != before[component].id, f"{component} is back")
    assert time.monotonic() - begin < BACK_SECONDS
    assert {name: id for name, id in ids(after).items() if name != component} == {
        name: id for name, id in ids(before).items() if name != component
    }
    told = lab.until_told("container-missing", newest, component)
    assert told["message"] == f"fairlead-{component} was removed by others and is made again."
    assert ids(lab.until_well()) == ids(after)
