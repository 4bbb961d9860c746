"""Both stores: the file one as `serve` uses it, and the one in memory that other tests use."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fairlead_controller.store.keys import KeyKind, KeySource, make_key_file
from fairlead_controller.store.port import Store
from fairlead_controller.store.sqlite_store import SqliteStore
from fairlead_testing.stores import MemoryStore


@pytest.fixture
def key(tmp_path: Path) -> KeySource:
    path = tmp_path / "key" / "seal.key"
    make_key_file(path, os.urandom)
    return KeySource(KeyKind.FILE, str(path))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, data: Path, key: KeySource) -> AsyncIterator[Store]:
    opened: Store = SqliteStore.create(data, key) if request.param == "file" else MemoryStore()
    yield opened
    await opened.close()
