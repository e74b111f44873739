"""Room for uploads: reserved before anything is read, shared, never looked for in the folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ui.server import store as stores
from ui.server.store import MAX_DISK, MAX_WAITING_FILES, SHARE, NoRoom, Store, forget

PART = MAX_DISK // SHARE


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Its folder cannot be walked."""

    def walked(*_: object) -> None:
        raise AssertionError("the folder is walked")

    made = Store(tmp_path)
    with monkeypatch.context() as patched:
        for name in ("scandir", "listdir", "walk"):
            patched.setattr(os, name, walked)
        yield made


def kept(store: Store, client: str, size: int = 10, files: int = 1) -> list[Path]:
    """Files of an upload that came, each of `size` bytes that take no room on the disk."""
    arrival = store.arrive(client, size * files)
    for number in range(files):
        with store.place(arrival, f"{number}.jpg").open("xb") as file:
            file.truncate(size)
    return store.keep(arrival)


def test_uploads_that_come_at_once_do_not_go_past_the_limit(store: Store) -> None:
    """Ten in parallel went to 4.4 GB, because each looked before any of them had come."""
    for client in "abcd":
        store.arrive(client, PART)
    assert store.waiting() == (MAX_DISK, 0)
    with pytest.raises(NoRoom):
        store.arrive("e", 1)


def test_an_upload_that_turns_out_larger_needs_room_too(store: Store) -> None:
    arrival = store.arrive("a", 0)
    store.grow(arrival, PART)
    store.grow(arrival, 10)  # it has more
    with pytest.raises(NoRoom):
        store.grow(arrival, PART + 1)
    store.drop(arrival)
    assert store.waiting() == (0, 0)


def test_a_greedy_client_pushes_out_its_own_uploads(store: Store) -> None:
    (other,) = kept(store, "honest")
    first, second, third = (kept(store, "greedy", PART // 2)[0] for _ in range(3))
    assert [path.exists() for path in (other, first, second, third)] == [True, False, True, True]
    assert not first.parent.exists()


def test_files_are_counted_as_bytes_are(store: Store) -> None:
    (other,) = kept(store, "honest")
    most = MAX_WAITING_FILES // SHARE
    first, *_ = kept(store, "greedy", 1, most)
    kept(store, "greedy", 1)
    assert not first.exists() and other.exists()
    assert store.waiting()[1] == most + 1


def test_what_lay_unread_for_longest_goes_first(store: Store) -> None:
    oldest, *others = (kept(store, client, PART)[0] for client in "abcd")
    kept(store, "e")
    assert not oldest.exists() and all(path.exists() for path in others)


def test_what_is_being_written_is_not_taken_away(store: Store) -> None:
    for client in "abcd":
        store.place(store.arrive(client, PART), "half.jpg").touch()
    with pytest.raises(NoRoom):
        kept(store, "e")


def test_what_was_read_makes_room(store: Store) -> None:
    (path,) = kept(store, "a")
    path.unlink()
    forget(str(path))
    assert store.waiting() == (0, 0) and not path.parent.exists()
    forget(str(path))
    forget("/etc/hostname")
    assert store.waiting() == (0, 0)


def test_what_nobody_reads_goes(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    old = kept(store, "a", files=3)
    later = stores.time.monotonic() + 100
    monkeypatch.setattr(stores.time, "monotonic", lambda: later)
    (new,) = kept(store, "b")
    assert store.expire(60) == {new}
    assert not any(path.exists() for path in old) and new.exists()


def test_an_upload_that_came_to_nothing_leaves_nothing(store: Store) -> None:
    arrival = store.arrive("a", 100)
    places = [store.place(arrival, "a.jpg") for _ in range(2)]
    places[0].write_bytes(b"half")
    store.drop(arrival)
    assert store.waiting() == (0, 0)
    assert not any(path.parent.exists() for path in places)


def test_paths_cannot_be_guessed(store: Store) -> None:
    one, other = (kept(store, "a")[0] for _ in range(2))
    assert one.parent != other.parent and len(one.parent.name) == 64
    assert one.parent.stat().st_mode & 0o077 == 0
