"""Folders and zips of people -> pictures with an identity, a split, and pixels in one array.

A source is a folder or a zip with one folder per identity: `IDENTITY/picture.webp`. The identity is
the path of that folder, so `Alphabet/character01/0709_01.png` has identity `Alphabet/character01`.
A folder named `FAMILY_MIDn` is a member of `FAMILY`; relatives always fall into the same part. A
picture named `0101_frontal.webp`, `_profile`, `_yaw45` or `_yawxx` says how far its head is turned.
"""

import dataclasses
import hashlib
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np

from siamese.checkpoint import file_sha256
from siamese.errors import InputError
from siamese.identities import photos_of as photos_of
from siamese.photos import MAX_BYTES, files_below, is_hidden

SUFFIXES = {".webp", ".jpg", ".jpeg", ".png"}
TURNED = re.compile(r"_(?:frontal|profile|yaw(\d+|xx))\.\w+$")
VALIDATION_SHARE = 0.05
CALIBRATION_SHARE = 0.10


class Part(StrEnum):
    """What a person's pictures are used for; no person has two uses."""

    TRAIN = "train"
    VALIDATION = "validation"
    CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of a source: its path in there, and who it shows ("" where nobody knows).

    `turn` counts quarter turns against the clock: a turned drawing is a picture of another class.
    """

    source: str
    name: str
    identity: str
    turn: int = 0


def yaw_of(name: str) -> float | None:
    """How far a head is turned, degrees, NaN where nobody knows; None where the name is another."""
    found = TURNED.search(name)
    if found is None:
        return None
    if found[1] is None:
        return 90.0 if found[0].startswith("_profile") else 0.0
    return float("nan") if found[1] == "xx" else float(found[1])


def family(identity: str) -> str:
    """The family an identity belongs to; itself where the name shows none."""
    return identity.partition("_MID")[0]


def part_of(identity: str) -> Part:
    """The part an identity belongs to: a hash of its family decides, so it never moves."""
    digest = hashlib.sha256(family(identity).encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    if share < VALIDATION_SHARE:
        return Part.VALIDATION
    if share < VALIDATION_SHARE + CALIBRATION_SHARE:
        return Part.CALIBRATION
    return Part.TRAIN


def list_pictures(source: Path, labelled: bool = True) -> list[Picture]:
    """All pictures of a folder or zip, in the order of their names.

    Raises InputError where there is nothing to train on.
    """
    names = sorted(
        name for name in _names(source) if PurePosixPath(name).suffix.lower() in SUFFIXES
    )
    if not names:
        raise InputError(f"{source} holds no pictures; expected IDENTITY/picture.webp inside.")
    pictures = [Picture(str(source), name, _identity(name) if labelled else "") for name in names]
    if labelled and any(not picture.identity for picture in pictures):
        raise InputError(f"{source} holds pictures outside any person's folder.")
    return pictures


def list_people(sources: Sequence[Path]) -> list[Picture]:
    """All pictures of several folders or zips of people.

    Raises InputError where two sources have the same name, by which records tell them apart, or
    name a person alike: nothing says whether that is one person or two.
    """
    name = _twice([source.name for source in sources])
    if name:
        raise InputError(f"Two sources are called '{name}'; rename one of them.")
    found = [list_pictures(source) for source in sources]
    name = _twice([name for own in found for name in {picture.identity for picture in own}])
    if name:
        raise InputError(
            f"Two sources have a person called '{name}', who may be two people; rename one of them."
        )
    return [picture for own in found for picture in own]


def _twice(names: Sequence[str]) -> str | None:
    """The first name that occurs more than once, in order of the names."""
    return min((name for name, count in Counter(names).items() if count > 1), default=None)


def turned(pictures: Sequence[Picture]) -> list[Picture]:
    """The pictures, and each turned by one, two and three quarters, as pictures of other classes.

    Usual for Omniglot since Santoro et al. 2016, "Meta-Learning with Memory-Augmented Neural
    Networks", section 4.1: four times as many classes, where characters are scarcer than pictures.
    """
    return [
        dataclasses.replace(
            picture, identity=picture.identity + f" turned {90 * turn}" * (turn > 0), turn=turn
        )
        for turn in range(4)
        for picture in pictures
    ]


def numbers(names: Sequence[str]) -> np.ndarray:
    """A number for each different name, -1 for "": int64 (N,)."""
    number: dict[str, int] = {"": -1}
    return np.array([number.setdefault(name, len(number) - 1) for name in names], np.int64)


def fingerprint(source: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and bytes of a folder's files."""
    if source.is_dir():
        listing = "\n".join(f"{fingerprint(source / name)} {name}" for name in _names(source))
        return hashlib.sha256(listing.encode(errors="surrogateescape")).hexdigest()
    return file_sha256(source)


def _identity(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent


def _names(source: Path) -> list[str]:
    """The paths of all files inside a folder or zip, without those that a system leaves there."""
    if source.is_dir():
        return [path.relative_to(source).as_posix() for path in files_below(source)]
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
        return [name for name in names if not is_hidden(name)]
    raise InputError(f"{source} is neither a folder nor a zip file.")


def unpacked(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of a zip, no more than the MAX_BYTES + 1 that tell that it is no photo.

    InputError where it cannot be unpacked.
    """
    try:
        with archive.open(name) as file:
            return file.read(MAX_BYTES + 1)
    # In turn: damaged, unknown packing, encrypted.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(
            f"{name} in {archive.filename} cannot be unpacked ({error}); please pack it again."
        ) from error
