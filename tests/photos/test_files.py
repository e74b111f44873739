"""Which files of a folder are looked at: links are followed, and end."""

import os
from pathlib import Path

import pytest

from siamese.data.people import list_pictures
from siamese.errors import ImageError, InputError
from siamese.photos import files_below, load
from siamese.support import read_support
from tests.pictures import encoded, portrait


def write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(portrait().resize((20, 20))))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Ann's folder, and a link to where Bob's photos are."""
    write(tmp_path / "people" / "ann" / "1.png")
    write(tmp_path / "elsewhere" / "bob" / "2.png")
    (tmp_path / "people" / "bob").symlink_to(tmp_path / "elsewhere" / "bob")
    return tmp_path / "people"


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in files_below(folder)]


def test_whoever_is_linked_takes_part(people: Path) -> None:
    assert names(people) == ["ann/1.png", "bob/2.png"]
    assert {listed.identity for listed in read_support(people)} == {"ann", "bob"}
    assert [picture.identity for picture in list_pictures(people)] == ["ann", "bob"]


def test_a_folder_that_is_linked_twice_is_there_twice(people: Path) -> None:
    (people / "robert").symlink_to(people / "bob")
    assert names(people) == ["ann/1.png", "bob/2.png", "robert/2.png"]


def test_loops_end(people: Path) -> None:
    (people / "ann" / "up").symlink_to(people)
    (people / "ann" / "here").symlink_to(people / "ann")
    (people / "self").symlink_to(people / "self")
    (people / "bob" / "back").symlink_to(people)  # lies elsewhere, and leads here again
    assert [name for name in names(people) if name.endswith(".png")] == ["ann/1.png", "bob/2.png"]


def test_a_link_that_leads_nowhere_is_reported(people: Path) -> None:
    (people / "carl.png").symlink_to(people / "moved.png")
    (source,) = [listed.photo for listed in read_support(people) if listed.identity == "carl"]
    with pytest.raises(ImageError, match=r"carl\.png.* does not exist"):
        load(source)


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_folder_that_cannot_be_read_is_named(
    people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a patch, because root may read everything."""
    listed = Path.iterdir

    def refuse(path: Path) -> object:
        if path.name == "ann":
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"ann cannot be read \(Permission denied\)"):
        files_below(people)
