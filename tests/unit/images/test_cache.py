"""The cache: keys follow content, and nothing half-written is ever found."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead_cli.images.cache import KEPT, Cache, default_root, key_of, tree_digest


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "/home/me/.cache/fairlead"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/fairlead"),
        ({"XDG_CACHE_HOME": "/x", "FAIRLEAD_CACHE": "/f"}, "/f"),
    ],
)
def test_where_the_cache_lies(environment: dict[str, str], expected: str) -> None:
    assert default_root(environment, Path("/home/me")) == Path(expected)


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_keys_differ_when_parts_or_their_borders_do(one: list[str], other: list[str]) -> None:
    assert (key_of(*one) == key_of(*other)) == (one == other)


def test_content_name_and_mode_of_a_file_decide_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("1", encoding="utf-8")
    seen = [tree_digest(tmp_path)]
    file.write_text("2", encoding="utf-8")
    seen.append(tree_digest(tmp_path))
    file.chmod(0o755)
    seen.append(tree_digest(tmp_path))
    file.rename(tmp_path / "b")
    seen.append(tree_digest(tmp_path))
    assert len(set(seen)) == 4


def test_times_and_compiled_python_do_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1", encoding="utf-8")
    before = tree_digest(tmp_path)
    os.utime(tmp_path / "a", (1, 1))
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert tree_digest(tmp_path) == before


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_entry_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    cache = Cache(tmp_path)
    final = cache.image("etcd", "00")

    def interrupted() -> None:
        with cache.writing(final) as fresh:
            fresh.write_bytes(b"half")
            raise interruption

    with pytest.raises(interruption):
        interrupted()
    assert list(final.parent.iterdir()) == []


def test_a_whole_entry_appears_under_its_name(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.writing(cache.image("etcd", "00")) as fresh:
        fresh.write_bytes(b"whole")
        assert not cache.image("etcd", "00").exists()
    assert cache.image("etcd", "00").read_bytes() == b"whole"
    assert len(list((tmp_path / "images").iterdir())) == 1


def test_a_folder_that_somebody_else_finished_first_is_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    final = cache.folder("python", "00")
    with cache.writing(final) as fresh:
        fresh.mkdir()
        final.mkdir(parents=True)
        (final / "theirs").touch()
    assert [path.name for path in final.iterdir()] == ["theirs"]


def test_old_archives_make_room_and_other_images_stay(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    paths = [cache.image("agent", key_of(str(number))) for number in range(5)]
    other = cache.image("agent-base", key_of("x"))
    for age, path in enumerate([*paths, other]):
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (1000 - age, 1000 - age))
    cache.trim("agent")
    assert [path.exists() for path in paths] == [True] * (KEPT - 1) + [False] * (6 - KEPT)
    assert other.exists()
