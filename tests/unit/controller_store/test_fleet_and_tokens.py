from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from fairlead_controller.model.fleet import AuthorityRecord, FleetRecord, TokenRecord
from fairlead_controller.store.port import Repositories, Store
from fairlead_wire.errors import Missing, Refused

FLEET = FleetRecord("f1", 1, "10.0.0.1:7070", "10.0.0.1:7071", 1000.5)
TOKEN = TokenRecord("t1", "hash-1", 100.0, 200.0, "alice", (("disk", "ssd"), ("zone", "b")), "lab")


def put_authority(repositories: Repositories, record: AuthorityRecord) -> None:
    repositories.authorities.put(record)


async def test_there_is_one_fleet(store: Store) -> None:
    assert await store.read(lambda r: r.fleets.get()) is None
    await store.write(lambda r: r.fleets.put(FLEET))
    await store.write(lambda r: r.fleets.put(replace(FLEET, generation=2)))
    assert await store.read(lambda r: r.fleets.get()) == replace(FLEET, generation=2)


async def test_an_authority_comes_back_whole_and_goes_with_its_scope(store: Store) -> None:
    records = [AuthorityRecord(scope, "etcd", b"certificate", f"key of {scope}".encode()) for scope in ("a", "b")]
    for record in records:
        await store.write(partial(put_authority, record=record))
    assert await store.read(lambda r: r.authorities.get("a", "etcd")) == records[0]
    await store.write(lambda r: r.authorities.remove_scope("a"))
    with pytest.raises(Refused, match="The fleet's own authority"):
        await store.write(lambda r: r.authorities.remove_scope("fleet"))
    assert await store.read(lambda r: r.authorities.get("a", "etcd")) is None
    assert await store.read(lambda r: r.authorities.get("b", "etcd")) == records[1]


async def test_a_token_is_found_by_its_secret_and_listed_newest_first(store: Store) -> None:
    newer = replace(TOKEN, id="t2", secret_hash="hash-2", created_at=150.0)
    await store.write(lambda r: r.tokens.add(TOKEN))
    await store.write(lambda r: r.tokens.add(newer))
    assert await store.read(lambda r: r.tokens.by_secret_hash("hash-1")) == TOKEN
    assert await store.read(lambda r: r.tokens.by_secret_hash("hash-3")) is None
    assert await store.read(lambda r: r.tokens.all()) == (newer, TOKEN)


async def test_a_token_works_once(store: Store) -> None:
    await store.write(lambda r: r.tokens.add(TOKEN))
    await store.write(lambda r: r.tokens.use("t1", "node-1", 150.0))
    with pytest.raises(Refused, match=r"was used.*fairlead token create"):
        await store.write(lambda r: r.tokens.use("t1", "node-2", 151.0))
    await store.write(lambda r: r.tokens.use("t1", "node-1", 152.0))
    used = await store.read(lambda r: r.tokens.get("t1"))
    assert used == replace(TOKEN, used_at=150.0, node_id="node-1")


async def test_a_token_ends(store: Store) -> None:
    await store.write(lambda r: r.tokens.add(TOKEN))
    with pytest.raises(Refused, match="expired"):
        await store.write(lambda r: r.tokens.use("t1", "node-1", 200.0))
    await store.write(lambda r: r.tokens.revoke("t1", 120.0))
    await store.write(lambda r: r.tokens.revoke("t1", 130.0))
    with pytest.raises(Refused, match="was revoked"):
        await store.write(lambda r: r.tokens.use("t1", "node-1", 150.0))
    token = await store.read(lambda r: r.tokens.get("t1"))
    assert token is not None
    assert token.revoked_at == 120.0


@pytest.mark.parametrize("act", ["use", "revoke"])
async def test_an_unknown_token_is_missing(store: Store, act: str) -> None:
    with pytest.raises(Missing, match="fairlead token ls"):
        await store.write(lambda r: r.tokens.use("x", "n", 1.0) if act == "use" else r.tokens.revoke("x", 1.0))


async def test_two_tokens_with_one_secret_are_refused(store: Store) -> None:
    await store.write(lambda r: r.tokens.add(TOKEN))
    with pytest.raises(Refused, match="nothing was changed"):
        await store.write(lambda r: r.tokens.add(replace(TOKEN, id="t2")))
