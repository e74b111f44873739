"""Genuine and impostor pairs of labelled pictures, drawn as calibration and evaluation need them.

Relatives are never impostors. Impostors are of one source: collections of photos differ in how they
were taken and cut, which tells their people apart for free, and no visitor's two photos differ in
that.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from siamese.data.collection import Collection
from siamese.data.people import family, numbers, photos_of
from siamese.data.split import MIN_CALIBRATION
from siamese.errors import InputError

GENUINE_PER_PERSON = 20  # so that nobody with a hundred pictures speaks for all
IMPOSTOR_PAIRS = 200_000  # FMR 0.1 % then rests on 200 errors


@dataclass(frozen=True, slots=True, eq=False)
class PairRows:
    """Row numbers of pairs: int64 (G, 2) genuine and (I, 2) impostor ones."""

    genuine: np.ndarray
    impostor: np.ndarray

    def distinct(self) -> "PairRows":
        """Each impostor pair once: a rate counts what was seen, not how often it was drawn."""
        low, high = self.impostor.min(axis=1), self.impostor.max(axis=1)
        _, first = np.unique(low * (high.max() + 1) + high, return_index=True)
        return PairRows(self.genuine, self.impostor[np.sort(first)])


def draw_pairs(
    collection: Collection,
    impostors: int | None = IMPOSTOR_PAIRS,
    seed: int = 0,
    per_person: int = GENUINE_PER_PERSON,
) -> PairRows:
    """Genuine pairs, at most `per_person` of each, and uniformly drawn impostor pairs.

    An impostor pair is a person drawn uniformly from all, another drawn uniformly from the same
    source, of another family, and a picture of each; `impostors` None draws as many as there are
    genuine pairs. Raises InputError where there are too few people.
    """
    random = np.random.default_rng(seed)
    genuine = genuine_pairs(collection, random, per_person)
    photos = photos_of(collection.identities)
    count = len(genuine) if impostors is None else impostors
    return PairRows(genuine, _impostor_rows(collection, list(photos.values()), count, random))


def genuine_pairs(
    collection: Collection, random: np.random.Generator, per_person: int = GENUINE_PER_PERSON
) -> np.ndarray:
    """Rows of genuine pairs, at most `per_person` of each: int64 (G, 2); see `draw_pairs`."""
    photos = photos_of(collection.identities)
    people = [rows for rows in photos.values() if len(rows) > 1]
    if len(people) < MIN_CALIBRATION:
        raise InputError(
            f"Genuine pairs need at least {MIN_CALIBRATION} people with two pictures or more; there"
            f" are {len(people)}."
        )
    return np.concatenate([_pairs_within(rows, per_person, random) for rows in people])


def _pairs_within(rows: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """All pairs of these rows, or `most` of them at random: int64 (P, 2)."""
    first, second = np.triu_indices(len(rows), 1)
    if len(first) > most:
        chosen = np.sort(random.choice(len(first), most, replace=False))
        first, second = first[chosen], second[chosen]
    return np.stack([rows[first], rows[second]], axis=1)


def _impostor_rows(
    collection: Collection, people: list[np.ndarray], count: int, random: np.random.Generator
) -> np.ndarray:
    """Rows (count, 2) of pictures of two people of one source and of different families.

    `people` are the rows of each person; the first of a pair is drawn uniformly from all.
    """
    sizes = np.array([len(rows) for rows in people])
    flat, starts = np.concatenate(people), np.concatenate([[0], np.cumsum(sizes)[:-1]])
    first = random.integers(len(people), size=count)
    pair = np.stack([first, _strangers(first, collection.where(flat[starts]), random)], axis=1)
    pictures = (random.random(pair.shape) * sizes[pair]).astype(np.int64)
    return flat[starts[pair] + pictures]


def _strangers(rows: np.ndarray, collection: Collection, random: np.random.Generator) -> np.ndarray:
    """For each row one of the same source and of another family, drawn uniformly: int64 (M,)."""
    families, sources = (
        numbers([family(who) for who in collection.identities]),
        collection.source_numbers,
    )
    _check_families(collection, families)
    by_source, sizes = np.argsort(sources, kind="stable"), np.bincount(sources)
    starts = np.cumsum(sizes) - sizes

    def draw(whose: np.ndarray) -> np.ndarray:
        source = sources[whose]
        place = (random.random(len(whose)) * sizes[source]).astype(np.int64)
        return by_source[starts[source] + place]

    found = draw(rows)
    while (related := families[found] == families[rows]).any():
        found[related] = draw(rows[related])
    return found


def _check_families(collection: Collection, families: np.ndarray) -> None:
    """Raise InputError where a source has no two families, and so no impostor pair."""
    sources = collection.source_numbers
    for number in np.unique(sources):
        here = sources == number
        if len(np.unique(families[here])) < 2:
            name = Path(collection.sources[int(here.argmax())]).name
            where = f" of {name}" if name else ""
            raise InputError(
                f"All people{where} in this half are of one family, so there are no impostor pairs"
                " to draw."
            )
