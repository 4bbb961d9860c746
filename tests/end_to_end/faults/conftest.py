"""One lab for all faults. The tests run from the harmless to the rude, and each finds and leaves everything well."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_cli.lab.names import Lab
from fairlead_testing.fault_lab import FaultLab, Runs, lab_command

UP_SECONDS = 2400.0  # from nothing: most of it compiles Kubernetes
DOWN_SECONDS = 200.0
NAME = "faults"
ORDER = (
    "test_component_lost",
    "test_file_changed",
    "test_agent_killed",
    "test_controller_away",
    "test_network_cut",
    "test_clock_off",
    "test_disk_full",
    "test_dockerd_restarted",
    "test_server_rebooted",
    "test_database_lost",
    "test_bring_up_interrupted",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """From the harmless to the rude; the tests of other folders stay where they are."""
    places = [place for place, item in enumerate(items) if item.path.parent.name == "faults"]
    ours = sorted((items[place] for place in places), key=lambda item: ORDER.index(item.path.stem))
    for place, item in zip(places, ours, strict=True):
        items[place] = item
        # A controller that is started outlives the call, and should.
        item.add_marker(pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"))


@pytest.fixture(scope="session")
def lab() -> Iterator[FaultLab]:
    """The lab, up; taken away at the end."""
    done = lab_command("up", "--name", NAME, "--servers", "1", timeout=UP_SECONDS)
    try:
        assert done.returncode == 0, done.stdout + done.stderr
        yield FaultLab(Lab(NAME, 1))
    finally:
        lab_command("down", "--name", NAME, timeout=DOWN_SECONDS)


@pytest.fixture
def before(lab: FaultLab) -> Runs:
    """What runs before the fault, everything well."""
    return lab.until_well()
