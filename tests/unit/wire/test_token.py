"""Join tokens as people paste them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_wire.errors import Invalid
from fairlead_wire.token import new_token, parse_token, secret_hash, token_id

TOKEN = new_token(bytes(32), bytes(range(16)))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=16, max_size=16))
def test_a_token_reads_back(digest: bytes, random: bytes) -> None:
    token = new_token(digest, random)
    assert parse_token(f"  {token}\n") == token


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "not a join token"),
        ("SWMTKN-1-abc-def", "not a join token"),
        (str(TOKEN)[:-1], "truncated"),
        (str(TOKEN)[:30], "truncated"),
        (str(TOKEN) + "x", "truncated"),
        (str(TOKEN).replace("-aaaa", "-aa!a", 1), "characters that no token has"),
    ],
)
def test_a_wrong_token_says_what_is_wrong_and_what_to_do(text: str, what: str) -> None:
    with pytest.raises(Invalid, match=what) as caught:
        parse_token(text)
    assert "fairlead token create" in caught.value.next_step


def test_a_token_does_not_show_its_secret() -> None:
    assert TOKEN.secret not in repr(TOKEN)
    assert TOKEN.secret not in secret_hash(TOKEN.secret)
    assert secret_hash(TOKEN.secret).startswith(token_id(TOKEN.secret))
