"""Before anything is trusted: the authority comes from the served chain, if it is the one that the token names."""

from __future__ import annotations

import socket

import pytest

from fairlead_wire.errors import Unreachable
from fairlead_wire.first_contact import fetch_authority


async def test_nobody_there_says_what_to_check() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(Unreachable, match=f"No controller answers at {endpoint}") as caught:
        await fetch_authority(endpoint, bytes(32), timeout=5)
    assert "firewall" in caught.value.next_step
