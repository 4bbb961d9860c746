"""Registries outside of the fleet, as the database keeps them."""

from __future__ import annotations

from dataclasses import replace

from fairlead_controller.model.registry import UpstreamRegistry
from fairlead_controller.store.port import Store

ONE = UpstreamRegistry("r.example.com", ("m.example.com/a", "localhost:5000"), "robot", "secret", 100.5)


async def test_a_registry_comes_back_whole(store: Store) -> None:
    await store.write(lambda r: r.registries.put(ONE))
    assert await store.read(lambda r: r.registries.get("r.example.com")) == ONE
    changed = replace(ONE, mirrors=(), username="", password="")
    await store.write(lambda r: r.registries.put(changed))
    assert await store.read(lambda r: r.registries.all()) == (changed,)


async def test_registries_are_listed_by_host_and_removed_once(store: Store) -> None:
    other = replace(ONE, host="a.example.com")
    await store.write(lambda r: r.registries.put(ONE))
    await store.write(lambda r: r.registries.put(other))
    assert await store.read(lambda r: r.registries.all()) == (other, ONE)
    assert await store.write(lambda r: r.registries.remove("a.example.com"))
    assert not await store.write(lambda r: r.registries.remove("a.example.com"))
    assert await store.read(lambda r: r.registries.get("a.example.com")) is None
