"""Impostor pairs of people who are alike: children, relatives, people of one kind.

The names of pictures tell who they show, as far as anything does; nothing is guessed from faces:

    FAMILY_MID1/1.webp               a member of a family: blood relatives, and who married them
    age026_female_asian_00017.webp   age in years, sex and origin, as UTKFace labels them
    aaf/00123_age04.webp             All-Age-Faces, mostly Asian: a number and an age in years;
                                     women have the numbers up to 07380, by that collection's README
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siamese.calibration import ANYBODY, CHILDREN, PEERS, RELATIVES
from siamese.data.people import Picture, family, numbers, photos_of

CHILD = 12  # years, and younger
OF_ONE_AGE = {CHILDREN: 2, PEERS: 5}  # years apart, at most
# Of All-Age-Faces: pictures of one person often have numbers so near. Of pairs of 2 and 3 years
# side by side 10 % have a logit of 10 and more, 21 to 40 apart 0.4 %, more than that 0.04 %.
LISTED_TOGETHER = 40
BANDS = (4, 8, 13)  # years, with which the next band of ages begins; see `Alike`
EACH = 20  # pairs of pictures of two relatives, at most
_UTK = re.compile(r"(?:^|/)age(\d+)_([a-z]+)_([a-z]+)_\d+\.\w+$")
_AAF = re.compile(r"(?:^|/)(\d+)_age(\d+)\.\w+$")
_WOMEN = 7380  # the last number of a woman in All-Age-Faces
WHO = {
    ANYBODY: "calibration people",
    CHILDREN: f"children of at most {CHILD} years, at most {OF_ONE_AGE[CHILDREN]} years apart",
    PEERS: f"people over {CHILD} of one sex and origin, at most {OF_ONE_AGE[PEERS]} years apart",
    RELATIVES: "members of one family",
}
SPOILED = "one photo of each pair spoiled"  # see `spoiling`


@dataclass(frozen=True, slots=True)
class Labels:
    """What the name of a picture says of the person.

    `number` is its place in a list that may show one person several times in a row, where it is in
    such a one.
    """

    age: int
    sex: str
    origin: str
    number: int | None = None


def labels_of(name: str) -> Labels | None:
    """The labels of a picture; None where its name tells none."""
    if found := _UTK.search(name):
        return Labels(int(found[1]), found[2], found[3])
    if found := _AAF.search(name):
        sex = "female" if int(found[1]) <= _WOMEN else "male"
        return Labels(int(found[2]), sex, "mostly asian", int(found[1]))
    return None


def listed_together(names: Sequence[str], pairs: np.ndarray) -> np.ndarray:
    """Which pairs (N, 2) of these pictures may show one person, who stands in a list several times.

    Bool (N,).
    """
    known = [labels_of(name) for name in names]
    places = [np.nan if who is None or who.number is None else who.number for who in known]
    return np.abs(np.diff(np.array(places, float)[pairs], axis=1))[:, 0] <= LISTED_TOGETHER


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """Impostor pairs: row numbers int64 (N, 2), and numbers from 0 of the people, int64 (N, 2).

    `bands`, int64 (N,), tell ages apart, by `BANDS`, where the pictures' names do.
    """

    rows: np.ndarray
    people: np.ndarray
    bands: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, pictures: Sequence[Picture]) -> "Alike":
        """Pairs of pictures; those without an identity each show another person."""
        who = numbers([picture.identity or picture.name for picture in pictures])
        people = np.unique(who[rows], return_inverse=True)[1].reshape(rows.shape)
        known = [labels_of(picture.name) for picture in pictures]
        ages = np.array([labels.age if labels else 0 for labels in known], np.int64)
        return cls(rows, people, np.digitize(ages[rows].max(axis=1), BANDS))


def relatives(pictures: Sequence[Picture]) -> Alike:
    """Pairs of two members of one family, of each two `EACH` at most."""
    identities = [picture.identity for picture in pictures]
    people = photos_of(identities)
    members: dict[str, list[np.ndarray]] = {}
    for who, rows in people.items():
        members.setdefault(family(who), []).append(rows)
    found = [
        _some(np.stack(np.meshgrid(one, other, indexing="ij"), axis=-1).reshape(-1, 2))
        for kin in members.values()
        for place, one in enumerate(kin)
        for other in kin[place + 1 :]
    ]
    rows = np.concatenate([np.empty((0, 2), np.int64), *found])
    return Alike.of(rows, pictures)


def children(pictures: Sequence[Picture]) -> Alike:
    """Pairs of children of nearly one age; each picture shows another one."""
    return _of_one_age(pictures, CHILDREN, lambda who: ("child",) if who.age <= CHILD else None)


def peers(pictures: Sequence[Picture]) -> Alike:
    """Pairs of people of one sex and origin and nearly one age; each picture shows another one."""
    return _of_one_age(
        pictures, PEERS, lambda who: (who.sex, who.origin) if who.age > CHILD else None
    )


PAIRS: Mapping[str, Callable[[Sequence[Picture]], Alike]] = {
    PEERS: peers,
    CHILDREN: children,
    RELATIVES: relatives,
}


def _of_one_age(
    pictures: Sequence[Picture],
    population: str,
    kind: Callable[[Labels], tuple[str, ...] | None],
) -> Alike:
    """All pairs of one `kind`, which is None for who is of none, of one source and nearly one age.

    Two sources differ in how their pictures were taken, which would tell people apart for free.
    """
    known = [(row, p.source, who) for row, p in enumerate(pictures) if (who := labels_of(p.name))]
    ours = [(row, who, (source, *of)) for row, source, who in known if (of := kind(who))]
    rows = np.array([row for row, *_ in ours], np.int64)
    ages = np.array([who.age for _, who, _ in ours], np.int64)
    kinds = numbers(["/".join(of) for *_, of in ours])
    near = np.abs(ages[:, None] - ages) <= OF_ONE_AGE[population]
    pairs = rows[np.argwhere(np.triu(near & (kinds[:, None] == kinds), 1))]
    pairs = pairs[~listed_together([picture.name for picture in pictures], pairs)]
    return Alike.of(pairs, pictures)


def _some(pairs: np.ndarray) -> np.ndarray:
    """At most `EACH` of these pairs, spread evenly."""
    return pairs[:: max(1, -(-len(pairs) // EACH))]
