"""Support sets: who may be in a query photo, as photos, or as a gallery of embeddings."""

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as save_tensors

from siamese import writing
from siamese.errors import InputError
from siamese.identities import base_name
from siamese.photos import Source, file_name, photos_below, readable

T = TypeVar("T")
LARGEST = 1e6  # number in an embedding; those of unit length are far below
Support = Mapping[str, Source | Sequence[Source]] | Sequence[Source] | str | Path


@dataclass(frozen=True, slots=True)
class Listed:
    """A photo of a support set, and who it shows.

    `alone` is what to call its person where the others of that `identity` are somebody else: names
    that differ only in a number say so, and may be wrong. It is "" where somebody told who it is.
    """

    identity: str
    photo: Source
    alone: str = ""

    @classmethod
    def by_file(cls, name: str, photo: Source) -> "Listed":
        """A photo of whom the name of its file, without its ending, tells."""
        return cls(base_name(name), photo, name)


def read_support(support: Support) -> list[Listed]:
    """The photos of a support set, with their people.

    A folder's sub-folders are identities with all the files below them; other files, and photos in
    a list, are identities by file name, those whose names differ only by a number or a copy mark at
    the end (see `base_name`) being of one. Files whose names suggest photos but which are not are
    reported when they are read. Photos without a name are identities of their own, "person 1", ...
    Names of files and folders are made readable (`photos.readable`), and people stay apart.
    Raises InputError where there is no photo, a person without a name, or no support set at all.
    """
    if isinstance(support, (str, Path)):
        return _support_folder(Path(support))
    if isinstance(support, Mapping):
        entries = _support_mapping(support)
    elif not isinstance(support, Sequence) or isinstance(support, bytes):
        raise InputError(
            "The support set must be a folder, a list of photos, or a mapping from each person's"
            f" name to photos, not {type(support).__name__}."
        )
    else:
        entries = _support_list(support)
    if not entries:
        raise InputError("The support set is empty; add at least one photo.")
    return entries


def _support_mapping(support: Mapping[str, Source | Sequence[Source]]) -> list[Listed]:
    entries: list[Listed] = []
    for identity, photos in support.items():
        if not isinstance(identity, str) or not identity.strip():
            raise InputError("Each person of a support set needs a name, as text.")
        several = isinstance(photos, Sequence) and not isinstance(photos, str | bytes)
        each = cast(Sequence[Source], photos if several else [photos])
        entries.extend(Listed(identity, photo) for photo in each)
    return entries


def _support_list(photos: Sequence[Source]) -> list[Listed]:
    named = [Path(file_name(photo) or "").stem for photo in photos]
    taken = {base_name(name) for name in named}
    entries: list[Listed] = []
    for number, (name, photo) in enumerate(zip(named, photos, strict=True), 1):
        if name:
            entries.append(Listed.by_file(name, photo))
        else:
            entries.append(Listed(apart(f"person {number}", taken), photo))
            taken.add(entries[-1].identity)
    return entries


def listed(who: str, given: Iterable[Any], what: str) -> Iterable[Any]:
    """What was given as a list, unless it is one thing; InputError, one sentence, where it is."""
    one = isinstance(given, str | bytes | os.PathLike | np.ndarray | Image.Image)
    if one or not isinstance(given, Iterable):
        raise InputError(
            f"`{who}` takes a list of {what}, not one {type(given).__name__}; put it in a list."
        )
    return given


def sha256_of(source: Source) -> str:
    """SHA-256 of a photo's file; "" for what is no file that can be read."""
    if not isinstance(source, str | os.PathLike):
        return ""
    with suppress(OSError):
        if Path(source).is_file():  # a pipe or a device may never end
            with Path(source).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
    return ""


def apart(name: str, taken: Container[str]) -> str:
    """A name that is not taken: this one, or with the first number from 2 on that makes it new."""
    numbered = (f"{name} {number}" for number in itertools.count(2))
    return next(new for new in itertools.chain([name], numbered) if new not in taken)


def _support_folder(folder: Path) -> list[Listed]:
    if not folder.is_dir():
        raise InputError(f"The support set {folder} is not a folder.")
    found: dict[str, list[Listed]] = {}
    for path in photos_below(folder):
        inside = path.relative_to(folder).parts
        one = Listed(inside[0], path) if len(inside) > 1 else Listed.by_file(path.stem, path)
        found.setdefault(one.identity, []).append(one)
    if not found:
        raise InputError(f"The support set {folder} holds no pictures.")
    entries: list[Listed] = []
    names: set[str] = set()
    for name, photos in found.items():
        names.add(shown := apart(readable(name), names))
        entries += [Listed(shown, one.photo, one.alone and readable(one.alone)) for one in photos]
    return entries


@dataclass(frozen=True, slots=True, eq=False)
class OnePerson:
    """What a gallery holds of one person: embeddings (N, D), and of each photo what is known.

    `hashes` are the SHA-256 of the photos' files, "" where it is not known; `warned` says which
    photos tell little of whom they show.
    """

    embeddings: np.ndarray
    hashes: tuple[str, ...]
    warned: tuple[bool, ...]

    def __post_init__(self) -> None:
        counts = {len(self.embeddings), len(self.hashes), len(self.warned)}
        if len(counts) > 1:
            raise InputError("Each photo has one embedding, one hash and one word on its quality.")

    @classmethod
    def of(
        cls, embeddings: np.ndarray, hashes: Sequence[str] = (), warned: Sequence[bool] = ()
    ) -> "OnePerson":
        """With nothing known of a photo where nothing is said."""
        count = len(embeddings)
        return cls(embeddings, tuple(hashes) or ("",) * count, tuple(warned) or (False,) * count)

    @classmethod
    def joined(cls, parts: Sequence["OnePerson"]) -> "OnePerson":
        """All photos of these, in their order."""
        return cls(
            np.concatenate([part.embeddings for part in parts]),
            tuple(sha for part in parts for sha in part.hashes),
            tuple(flag for part in parts for flag in part.warned),
        )

    def some(self, rows: Sequence[int]) -> "OnePerson":
        """The photos of these row numbers."""
        return OnePerson(
            self.embeddings[[*rows]],
            tuple(self.hashes[row] for row in rows),
            tuple(self.warned[row] for row in rows),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """Identities with the embeddings of their photos; immutable, so it can be shared by threads.

    `photos` maps an identity to float32 (num_photos, D). `sha256` names the weights that made the
    embeddings; those of other weights cannot be compared with them. `hashes` are the SHA-256 of
    the photos, in their order, "" where a file was not known; `warned` says in the same order which
    of them tell little of whom they show. People of whom nothing is said may be missing in both.
    Raises InputError where an array is not of that kind, of another D than the others, or not
    finite.
    """

    photos: Mapping[str, np.ndarray]
    sha256: str
    hashes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    warned: Mapping[str, tuple[bool, ...]] = field(default_factory=dict)
    # What `means` returned, so that the second search of the same people does without.
    _summary: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, init=False)
    _isolation: list[np.ndarray] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        if isinstance(self.photos, Rows):
            rows, most = self.photos.embeddings, LARGEST
            if rows.size and not (-most < rows.min() and rows.max() < most):  # NaN is neither
                raise InputError("its embeddings are no sensible numbers.")
            return
        for name, rows in self.photos.items():
            if rows.ndim != 2 or rows.dtype != np.float32 or rows.shape[1:] != (self.size,):
                raise InputError(
                    f"The embeddings of {name!r} are {rows.dtype} {rows.shape}, not float32"
                    f" (photos, {self.size})."
                )
            if not len(rows) or not (np.abs(rows) < LARGEST).all():
                raise InputError(f"The embeddings of {name!r} are none, or no sensible numbers.")

    @classmethod
    def of(cls, people: Mapping[str, OnePerson], sha256: str) -> "Gallery":
        """A gallery of these people."""
        return cls(
            {name: person.embeddings for name, person in people.items()},
            sha256,
            {name: person.hashes for name, person in people.items()},
            {name: person.warned for name, person in people.items() if any(person.warned)},
        )

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def size(self) -> int:
        """The numbers of an embedding, D; 0 in an empty gallery."""
        return next((rows.shape[1] for rows in self.photos.values() if rows.ndim == 2), 0)

    def person(self, identity: str) -> OnePerson:
        """What it holds of somebody; InputError if it is nothing."""
        if identity not in self.photos:
            raise InputError(f"'{identity}' is not in the gallery.")
        return OnePerson.of(
            self.photos[identity], self.hashes.get(identity, ()), self.warned.get(identity, ())
        )

    def people(self) -> dict[str, OnePerson]:
        """What it holds of everybody."""
        return {name: self.person(name) for name in self.photos}

    def add(
        self,
        identity: str,
        embeddings: np.ndarray,
        hashes: Sequence[str] = (),
        warned: Sequence[bool] = (),
    ) -> "Gallery":
        """A gallery with these photos (N, D) added to that identity, which may be new."""
        new = OnePerson.of(np.atleast_2d(np.asarray(embeddings, np.float32)), hashes, warned)
        people = self.people()
        known = people.get(identity)
        if known is not None and known.embeddings.shape[1:] != new.embeddings.shape[1:]:
            numbers = new.embeddings.shape[1]
            raise InputError(f"The embeddings have {numbers} numbers, not {self.size}.")
        people[identity] = new if known is None else OnePerson.joined([known, new])
        return Gallery.of(people, self.sha256)

    def remove(self, identity: str) -> "Gallery":
        """A gallery without that identity; InputError if it is not in there."""
        self.person(identity)
        left = {name: known for name, known in self.people().items() if name != identity}
        return Gallery.of(left, self.sha256)

    def merge(self, people: Sequence[str]) -> "Gallery":
        """A gallery in which these people are one, of the first one's name."""
        known = self.people()
        one = OnePerson.joined([known.pop(name) for name in people])
        order = [name for name in self.photos if name in known or name == people[0]]
        return Gallery.of({name: known.get(name, one) for name in order}, self.sha256)

    def part(self, identity: str, photos: Sequence[Sequence[int]]) -> "Gallery":
        """A gallery in which the photos of one are of several people: row numbers of each.

        The first of them keeps the name, the others get a number.
        """
        found = self.people()
        whole = found[identity]
        for number, own in enumerate(photos):
            found[apart(identity, found) if number else identity] = whole.some(own)
        return Gallery.of(found, self.sha256)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean embeddings (K, D) float32 and numbers of photos (K,) int64, in order of names."""
        if not self._summary:
            counts = np.array([len(rows) for rows in self.photos.values()])
            rows = self._rows()
            if len(rows) > len(counts):
                sums = np.add.reduceat(rows, np.cumsum(counts) - counts, axis=0)
                rows = (sums / counts[:, None]).astype(np.float32)
            self._summary.append((rows, counts))
        return self._summary[0]

    def telling_little(self) -> np.ndarray:
        """Of which people every photo tells little: bool (K,), in order of names."""
        little = {name for name, warned in self.warned.items() if all(warned)}
        if not little:
            return np.zeros(len(self), bool)
        return np.array([name in little for name in self.photos], bool)

    def isolation(self, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """The isolation (K,) of each mean embedding, by `network.Head.isolation`; measured once."""
        if not self._isolation:
            self._isolation.append(measure(self.means()[0]))
        return self._isolation[0]

    def save(self, path: str | Path) -> None:
        """Write one safetensors file: embeddings, names, and what is known of photos; no photos.

        An older file is replaced whole: a kill never leaves half a gallery.
        Raises InputError where the file cannot be written, or a name is no valid text.
        """
        counts = [len(rows) for rows in self.photos.values()]
        people = self.people().values()
        hashes = [sha for person in people for sha in person.hashes]
        tensors = {"embeddings": self._rows(), "counts": np.array(counts, np.int64)}
        said = {"sha256": self.sha256, "embeddings": json.dumps(hashes)}
        said["counts"] = json.dumps(list(self.photos), ensure_ascii=False)
        warned = [flag for person in people for flag in person.warned]
        tensors["warned"], said["warned"] = np.array(warned, bool), "which photos tell little"
        if self._isolation:
            tensors["isolation"], said["isolation"] = self._isolation[0], "of the mean embeddings"
        try:
            writing.write(Path(path), save_tensors(tensors, said))
        except (OSError, SafetensorError, UnicodeEncodeError) as error:
            raise InputError(f"{path} cannot be written ({error}).") from error

    def known_photos(self) -> dict[tuple[str, str], tuple[np.ndarray, bool]]:
        """By name and SHA-256 of a photo its embedding (D,), and whether it tells little."""
        return {
            (name, sha): (row, warned)
            for name, person in self.people().items()
            for sha, row, warned in zip(
                person.hashes, person.embeddings, person.warned, strict=True
            )
            if sha
        }

    def _rows(self) -> np.ndarray:
        """The embeddings of all photos: float32 (N, D)."""
        if isinstance(self.photos, Rows):
            return self.photos.embeddings
        return np.concatenate(list(self.photos.values()) or [np.empty((0, 0), np.float32)])

    @classmethod
    def load(cls, path: str | Path) -> "Gallery":
        """Read what `save` wrote; InputError where the file is something else.

        The embeddings stay on disk, memory-mapped, until they are searched.
        """
        if not is_gallery(path):
            raise InputError(f"{path} is not a gallery saved by this program.")
        try:
            with safe_open(str(path), framework="numpy") as file:
                meta, keys = file.metadata(), sorted(file.keys())
                if "counts" not in keys:
                    return cls(_one_tensor_each(file, meta, keys), meta["sha256"])
                counts = file.get_tensor("counts")
                isolation = file.get_tensor("isolation") if "isolation" in keys else None
                warned = file.get_tensor("warned") if "warned" in keys else None
            names: dict[str, None] = {}
            for name in json.loads(meta["counts"]):
                names[apart(readable(name), names)] = None
            rows = Rows(list(names), counts, _mapped(Path(path), "embeddings"))
            hashes = json.loads(meta["embeddings"])
            if warned is None:
                # Of before that was kept: so that its photos are read once more, none is known.
                found = cls(rows, meta["sha256"])
            else:
                little = rows.shared_out(warned.astype(bool).tolist())
                little = {name: flags for name, flags in little.items() if any(flags)}
                found = cls(rows, meta["sha256"], rows.shared_out(hashes), little)
            if isolation is not None and isolation.shape == counts.shape:
                found._isolation.append(isolation)
            return found
        # NumPy lacks some kinds of numbers, which safetensors says in two ways.
        except (InputError, TypeError, AttributeError, ValueError, KeyError) as error:
            raise InputError(f"{path} is damaged: {error}") from error


class Rows(Mapping[str, np.ndarray]):
    """Names and their rows of one array, float32 (N, D); `counts` int64 (K,) are how many each."""

    def __init__(self, names: Sequence[str], counts: np.ndarray, embeddings: np.ndarray) -> None:
        shaped = counts.dtype == np.int64 and counts.shape == (len(names),)
        if not shaped or embeddings.ndim != 2 or embeddings.dtype != np.float32:
            raise InputError("its arrays are of another kind.")
        if len(names) and (counts.min() < 1 or counts.sum() != len(embeddings)):
            raise InputError("its people have other photos than it holds.")
        self.embeddings, self.counts = embeddings, counts
        ends = np.cumsum(counts).tolist()
        self._places = dict(zip(names, zip([0, *ends], ends, strict=False), strict=True))

    def __getitem__(self, name: str) -> np.ndarray:
        start, end = self._places[name]
        return self.embeddings[start:end]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def shared_out(self, values: Sequence[T]) -> dict[str, tuple[T, ...]]:
        """A value for each row, by name."""
        if len(values) != len(self.embeddings):
            raise InputError("it tells of other photos than it holds.")
        return {name: tuple(values[a:b]) for name, (a, b) in self._places.items()}


def _one_tensor_each(
    file: Any, names: Mapping[str, str], keys: Sequence[str]
) -> dict[str, np.ndarray]:
    """The people of a file of version 0.1, which has a tensor and a name for each."""
    if len({names[key] for key in keys}) < len(keys):
        raise InputError("two people in it have one name.")
    photos: dict[str, np.ndarray] = {}
    for key in keys:
        photos[apart(readable(names[key]), photos)] = file.get_tensor(key)
    return photos


def _mapped(path: Path, key: str) -> np.ndarray:
    """A float32 tensor of a safetensors file, memory-mapped; the file has been opened as one."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        told = json.loads(file.read(length))[key]
    if told["dtype"] != "F32":
        raise InputError("its embeddings are no float32.")
    if 0 in told["shape"]:
        return np.empty(told["shape"], np.float32)
    start = 8 + length + told["data_offsets"][0]
    return np.memmap(path, np.float32, "r", start, tuple(told["shape"]))


def is_gallery(path: str | Path) -> bool:
    """Whether `Gallery.save` wrote this file, by its head: every row of it has a name."""
    if not Path(path).is_file():
        return False
    try:
        with safe_open(str(path), framework="numpy") as file:
            return {"sha256", *file.keys()} <= set(file.metadata() or {})
    except PermissionError:
        raise
    except (OSError, SafetensorError):
        return False


def check_target(path: Path) -> None:
    """InputError where a gallery cannot be saved here, or would destroy something else."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; please name the gallery file to write.")
    if not path.parent.is_dir():
        raise InputError(f"{path} cannot be written; there is no folder {path.parent}.")
    if not all(os.access(place, os.W_OK) for place in (path.parent, path) if place.exists()):
        raise InputError(f"{path} cannot be written; please choose a place that you may write to.")
    if path.exists() and not (path.is_file() and is_gallery(path)):
        raise InputError(
            f"{path} exists and is not a gallery saved by this program; please name another file."
        )
