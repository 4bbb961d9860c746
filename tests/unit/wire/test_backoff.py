"""Back-off spreads reconnecting agents over the whole interval and never grows past its bound."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from fairlead_wire.backoff import delays


def test_the_bound_doubles_up_to_thirty_seconds() -> None:
    assert list(islice(delays(lambda: 1.0), 9)) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


@given(st.floats(0, 1, exclude_max=True))
def test_a_delay_lies_anywhere_below_the_bound(chance: float) -> None:
    assert all(0 <= delay <= 30 for delay in islice(delays(lambda: chance), 12))
