"""Lists of pairs: a CSV, LFW's format, or drawn from folders of people."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from siamese.data.people import family, numbers, photos_of
from siamese.errors import InputError
from siamese.photos import photos_below

PAIR_LIST = "pairs.csv"
ALL = "all"
MOST_PAIRS = 500_000  # of either kind
_SAME = {"0": False, "1": True}  # nothing else: some lists write impostors as -1 or 2


@dataclass(frozen=True, slots=True)
class Pair:
    """Two photos by name, whether they show one person, and the fold they belong to."""

    a: str
    b: str
    same: bool
    fold: int = 0


@dataclass(frozen=True, slots=True)
class PairSource:
    """Where pairs come from: a list (.csv, else in LFW's format), "all", or a number to draw.

    All pairs, or that many genuine and as many impostor ones drawn with `seed`, are those of the
    data folder's people, `PERSON/photo.jpg`.
    """

    wanted: str = PAIR_LIST
    seed: int = 0

    def read(self, data: Path) -> list[Pair]:
        """The pairs, of photos by their paths in `data`.

        Raises InputError where the list or the folder is not so, a photo is missing, or a path
        leads out of the folder.
        """
        if self.wanted == ALL or self.wanted.isdecimal():
            return draw(data, None if self.wanted == ALL else int(self.wanted), self.seed)
        path = Path(self.wanted)
        path = path if path.is_file() else data / path
        if not path.is_file():
            raise InputError(
                f"There is no list of pairs {self.wanted}; give a file, '{ALL}', or how many pairs"
                f" to draw from the folders of people in {data}."
            )
        pairs = read_pair_list(path) if path.suffix.lower() == ".csv" else read_lfw_pairs(path)
        _check_photos(pairs, data, path.name)
        return pairs


def read_pair_list(path: Path) -> list[Pair]:
    """Pairs from a CSV with the columns photo_a, photo_b, same (0 or 1), and, if wanted, fold.

    Raises InputError, which names the first line that is not so.
    """
    pairs: list[Pair] = []
    try:
        # Spreadsheets begin a file with a byte order mark.
        with path.open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                same = _SAME[(row["same"] or "").strip()]
                pairs.append(Pair(row["photo_a"], row["photo_b"], same, int(row.get("fold") or 0)))
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise InputError(
            f"Line {len(pairs) + 2} of {path} is not a pair; it must be a CSV in UTF-8 with the"
            " columns photo_a, photo_b, same (0 or 1), and, if wanted, fold (a number)."
        ) from error
    return pairs


def read_lfw_pairs(path: Path) -> list[Pair]:
    """LFW's list: "folds, pairs" first, then `name i j` (genuine) or `name i name j` (impostor).

    A list of one fold may begin with the number of pairs alone, as View 1's do. Photos are named
    `Person/Person_0001.jpg`. Raises InputError where the list breaks its promise.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    try:
        *several, size = (int(word) for word in lines[0].split())
        folds = several[0] if several else 1
        pairs = [
            _lfw_pair(line.split("\t"), position // (2 * size))
            for position, line in enumerate(lines[1:])
        ]
    except (ValueError, IndexError) as error:
        raise InputError(f"{path} is not a list of pairs in LFW's format ({error}).") from error
    same = np.array([pair.same for pair in pairs])
    if len(pairs) != 2 * size * folds or same.sum() != size * folds:
        raise InputError(f"{path} promises {folds} folds of {size} + {size} pairs and differs.")
    return pairs


def draw(data: Path, count: int | None, seed: int = 0) -> list[Pair]:
    """Pairs of the people whose folders lie in `data`: all, or at most `count` of each kind.

    Members of one family (`FAMILY_MIDn`) are no impostors of each other. Raises InputError where
    the folders hold no pair of either kind, or so many that some must be drawn.
    """
    names = [path.relative_to(data).as_posix() for path in photos_below(data)]
    names = [name for name in names if "/" in name]
    people = [name.rpartition("/")[0] for name in names]
    within = [
        rows[np.stack(np.triu_indices(len(rows), 1), 1)] for rows in photos_of(people).values()
    ]
    genuine = np.concatenate(within) if within else np.empty((0, 2), np.int64)
    families = numbers([family(who) for who in people])
    sizes = np.bincount(families) if len(families) else np.zeros(1, np.int64)
    impostors = int((len(names) ** 2 - (sizes.astype(np.int64) ** 2).sum()) // 2)
    if not len(genuine) or not impostors:
        raise InputError(
            f"{data} holds no pairs to draw: it needs PERSON/photo.jpg of two people or more, one"
            " of them with two photos."
        )
    most = count if count is not None else max(len(genuine), impostors)
    if min(most, max(len(genuine), impostors)) > MOST_PAIRS:
        raise InputError(f"These are over {MOST_PAIRS:,} pairs; draw some, such as --pairs 10000.")
    random = np.random.default_rng(seed)
    same = _some(genuine, most, random)
    other = _impostors(families, min(most, impostors), impostors, random)
    return [
        Pair(names[a], names[b], kind)
        for rows, kind in ((same, True), (other, False))
        for a, b in rows.tolist()
    ]


def people_in(pairs: Sequence[Pair]) -> np.ndarray:
    """Who each pair's photos show, as far as the list tells: int64 (N, 2), a number a person.

    Photos that genuine pairs connect are of one person, every other photo of its own.
    """
    photos = numbers([name for pair in pairs for name in (pair.a, pair.b)]).reshape(-1, 2)
    linked = photos[[pair.same for pair in pairs]]
    size = int(photos.max()) + 1
    graph = coo_array((np.ones(len(linked)), (linked[:, 0], linked[:, 1])), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][photos], np.int64)


def _some(rows: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """All of these rows, or `most` of them at random, in their order."""
    if len(rows) <= most:
        return rows
    return rows[np.sort(random.choice(len(rows), most, replace=False))]


def _impostors(
    families: np.ndarray, count: int, possible: int, random: np.random.Generator
) -> np.ndarray:
    """`count` different pairs (count, 2) of rows of two families, out of `possible` ones."""
    if 2 * count >= possible:
        rows = np.stack(np.triu_indices(len(families), 1), 1)
        return _some(rows[families[rows[:, 0]] != families[rows[:, 1]]], count, random)
    found = np.empty((0, 2), np.int64)
    while len(found) < count:
        drawn = np.sort(random.integers(len(families), size=(2 * count, 2)), axis=1)
        found = np.unique(np.concatenate([found, drawn]), axis=0)
        found = found[families[found[:, 0]] != families[found[:, 1]]]
    return _some(found, count, random)


def _lfw_pair(words: Sequence[str], fold: int) -> Pair:
    if len(words) == 3:
        name, first, second = words
        return Pair(_lfw_photo(name, first), _lfw_photo(name, second), True, fold)
    name, first, other, second = words
    return Pair(_lfw_photo(name, first), _lfw_photo(other, second), False, fold)


def _lfw_photo(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _check_photos(pairs: Sequence[Pair], data: Path, where: str) -> None:
    """InputError where a photo of the list lies outside the folder, or is not there."""
    names = sorted({name for pair in pairs for name in (pair.a, pair.b)})
    outside = [name for name in names if not _inside(name)]
    if outside:
        raise InputError(
            f"{where} names '{outside[0]}', which leads out of {data}; name photos by their paths"
            " in that folder."
        )
    missing = [name for name in names if not (data / name).is_file()]
    if missing:
        raise InputError(f"{where} names {len(missing)} missing photos, first '{missing[0]}'.")


def _inside(name: str) -> bool:
    """Whether a path as a list writes it stays in the folder, whatever the system."""
    return all(
        not path.anchor and ".." not in path.parts
        for path in (PurePosixPath(name), PureWindowsPath(name))
    )
