"""Folders and zips of people -> pictures with an identity, a split, and pixels in one array.

A source is a folder or a zip with one folder per identity: `IDENTITY/picture.webp`. The identity is
the path of that folder, so `Alphabet/character01/0709_01.png` has identity `Alphabet/character01`.
A folder named `FAMILY_MIDn` is a member of `FAMILY`; relatives always fall into the same part.
"""

import dataclasses
import hashlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

import numpy as np
from filelock import FileLock
from tqdm import tqdm

from siamese import images
from siamese.errors import InputError
from siamese.whole_picture import plain_crop

SUFFIXES = {".webp", ".jpg", ".jpeg", ".png"}
VALIDATION_SHARE = 0.05
CALIBRATION_SHARE = 0.10
NEARLY_BLACK = 12  # lossy compression leaves a little noise in what was black


class Part(StrEnum):
    """Which use a person is kept for; the three never share one."""

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


def family(identity: str) -> str:
    """The family an identity belongs to; itself where the name tells of none."""
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


def read_pixels(
    pictures: Sequence[Picture], side: int, channels: int, cache: Path, whole: bool = False
) -> np.ndarray:
    """Decode pictures into one array, kept on disk so that the next run need not decode again.

    Aligned crops must have this side. `whole` pictures may have any size: they are scaled to it as
    the product does for checkpoints without a detector, and all of them is visible.

    Returns uint8 (N, channels + 1, side, side), memory-mapped. The last plane is 255 where the
    picture shows something and 0 in a black border (see `visible`). Raises ImageError, naming it,
    where a picture cannot be read.
    """
    key = hashlib.sha256(f"{side} {channels} {'whole' if whole else NEARLY_BLACK}".encode())
    for source in dict.fromkeys(picture.source for picture in pictures):
        key.update(fingerprint(Path(source)).encode())
    for picture in pictures:
        key.update(picture.name.encode() + b" turned" * picture.turn)
    path = cache / f"pixels-{key.hexdigest()[:16]}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # of processes that train together one decodes
            if not path.exists():
                _decode_into(path, pictures, side, channels, whole)
    return np.load(path, mmap_mode="r")


def _decode_into(
    path: Path, pictures: Sequence[Picture], side: int, channels: int, whole: bool
) -> None:
    def crop(picture: Picture, content: bytes) -> np.ndarray:
        photo = images.load(content, picture.name)
        if not whole and photo.size != (side, side):
            raise InputError(
                f"{picture.name} is {photo.size[0]}x{photo.size[1]} px, not {side}x{side};"
                " align raw photos first with `python -m siamese align`."
            )
        return plain_crop(photo, side, channels)

    part = path.with_suffix(".part")
    shape = (len(pictures), channels + 1, side, side)
    try:
        pixels = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=shape)
        crops = _in_threads(crop, pictures)
        for index, found in enumerate(tqdm(crops, "decoding", len(pictures))):
            planes = found.transpose(2, 0, 1)
            pixels[index, :channels] = np.rot90(planes, pictures[index].turn, axes=(1, 2))
            pixels[index, channels] = 255 if whole else visible(planes) * np.uint8(255)
        pixels.flush()
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)  # gigabytes that nothing would ever read


def visible(planes: np.ndarray) -> np.ndarray:
    """Where an aligned crop shows the photo and not the black beyond its edge.

    `planes` is uint8 (C, H, W); the result is bool (H, W). What lies outside a photo is black and
    reaches the crop's edge. The photo is convex, so from every point outside it one of the four
    axis directions leads to the edge over black alone: four running products find it exactly.
    """
    black = planes.max(axis=0) <= NEARLY_BLACK
    outside = np.zeros_like(black)
    for axis in (0, 1):
        for flip in (False, True):
            view = np.flip(black, axis) if flip else black
            run = np.logical_and.accumulate(view, axis=axis)
            outside |= np.flip(run, axis) if flip else run
    grown = outside.copy()  # one pixel more: interpolation darkened the rim
    grown[1:] |= outside[:-1]
    grown[:-1] |= outside[1:]
    grown[:, 1:] |= outside[:, :-1]
    grown[:, :-1] |= outside[:, 1:]
    return ~grown


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
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_targets(files: Sequence[Path], pictures: Sequence[Picture]) -> np.ndarray:
    """Target embeddings of `pictures` from .npz files with `names` and `embedding`.

    Returns float16 (N, D), unit length; a row of zeros where no file knows the picture.
    """
    rows: dict[str, np.ndarray] = {}
    for file in files:
        with np.load(file) as content:
            rows.update(zip(content["names"].tolist(), content["embedding"], strict=True))
    size = len(next(iter(rows.values())))
    targets = np.zeros((len(pictures), size), np.float16)
    for index, picture in enumerate(pictures):
        row = rows.get(picture.name)
        if row is not None:
            targets[index] = row / np.linalg.norm(row.astype(np.float32))
    return targets


def close_to_any(targets: np.ndarray, others: np.ndarray, limit: float) -> np.ndarray:
    """Which rows have a cosine above `limit` to any row of `others`: bool (N,).

    Both are unit-length target embeddings (N, D) and (M, D). Sources name people independently, so
    the same person may stand in two of them under two names; targets tell.
    """
    others = others.astype(np.float32)
    blocks = [targets[i : i + 2048].astype(np.float32) for i in range(0, len(targets), 2048)]
    return np.concatenate([(block @ others.T).max(axis=1) > limit for block in blocks])


def _identity(name: str) -> str:
    parent = str(PurePosixPath(name).parent)
    return "" if parent == "." else parent


def _names(source: Path) -> list[str]:
    """The paths of all files of a folder or zip within it, but for those of a system's own."""
    if source.is_dir():
        return [path.relative_to(source).as_posix() for path in images.files_below(source)]
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
        return [name for name in names if not images.is_hidden(name)]
    raise InputError(f"{source} is neither a folder nor a zip file.")


def _in_threads(
    work: Callable[[Picture, bytes], np.ndarray], pictures: Sequence[Picture]
) -> Iterator[np.ndarray]:
    """What `work` makes of each picture and the bytes of its file, in order."""
    archives: dict[str, zipfile.ZipFile] = {}

    def read(picture: Picture) -> bytes:
        source = Path(picture.source)
        if source.is_dir():
            return (source / picture.name).read_bytes()
        if picture.source not in archives:
            archives[picture.source] = zipfile.ZipFile(source)
        return archives[picture.source].read(picture.name)

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(pictures), 512):
            batch = pictures[start : start + 512]
            yield from pool.map(work, batch, [read(picture) for picture in batch])
    for archive in archives.values():
        archive.close()
