"""Which schedules are simulated: FAIRLEAD_SCHEDULES (how many, default 500), or FAIRLEAD_SEED (one, told in full).

FAIRLEAD_FIRST leaves out all before it, to go on with a run that was broken off.
"""

from __future__ import annotations

import os

import pytest

BATCH = 50
SCHEDULES = int(os.environ.get("FAIRLEAD_SCHEDULES", "500"))
FIRST = int(os.environ.get("FAIRLEAD_FIRST", "0"))
SEED = os.environ.get("FAIRLEAD_SEED", "")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seeds" in metafunc.fixturenames:
        batches = [range(int(SEED), int(SEED) + 1)] if SEED else _batches()
        metafunc.parametrize("seeds", batches, ids=[f"{seeds.start}-{seeds.stop - 1}" for seeds in batches])


def _batches() -> list[range]:
    return [range(first, min(first + BATCH, SCHEDULES)) for first in range(FIRST, SCHEDULES, BATCH)]
