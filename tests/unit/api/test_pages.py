"""Pages: following the tokens shows everything once, whatever the sizes; foreign tokens are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_controller.api.pages import LARGEST_SIZE, key_in, page, page_size, token_after
from fairlead_wire.errors import Invalid


@given(st.sets(st.text(max_size=5), max_size=40), st.integers(1, 9))
def test_the_pages_together_are_the_list(names: set[str], size: int) -> None:
    entries, found, token = sorted(names), [], ""
    while True:
        chosen, token = page(entries, str, "names", size, token)
        assert len(chosen) <= size
        found += chosen
        if not token:
            break
    assert found == entries


def test_a_page_has_bounds() -> None:
    assert page_size(0) == 100
    assert page_size(7) == 7
    assert page_size(10**6) == LARGEST_SIZE
    with pytest.raises(Invalid):
        page_size(-1)


@pytest.mark.parametrize("token", ["nonsense", "e30=", token_after("other", "a"), "\N{SNOWMAN}"])
def test_a_token_of_another_list_is_refused(token: str) -> None:
    with pytest.raises(Invalid, match="not one of this list"):
        key_in("names", token)
