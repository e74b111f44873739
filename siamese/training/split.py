"""Which pictures of a source train, choose, and calibrate; and who counts as related to whom.

Two fixed rules, by name. "people": a hash of the family decides, so a person never moves
(`people.part_of`); relatives are never impostors in a calibration. "alphabets" is for Omniglot,
`Alphabet/characterNN/NNNN_MM.png` with MM the drawer: alphabets named here are kept for validation
and calibration, and the pictures of four drawers of every other alphabet are used for nothing, so
neither the characters nor the hands numbered so have been seen. Characters of one alphabet are the
impostors that matter there: telling them apart is the task, telling alphabets apart is easy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from siamese.errors import InputError
from siamese.training import people
from siamese.training.people import Part, Picture

VALIDATION_ALPHABETS = ("Bengali", "Hebrew")
CALIBRATION_ALPHABETS = ("Anglo-Saxon_Futhorc", "Mkhedruli_(Georgian)", "Tagalog")
HELD_OUT_DRAWERS = ("17", "18", "19", "20")


@dataclass(frozen=True, slots=True)
class Split:
    """A rule by name. `part` is None for a picture that is used for nothing.

    `family` maps an identity to who it is related to. `impostors_within` says where a calibration
    draws its impostor pairs: inside a family, or only between families.
    """

    name: str
    part: Callable[[Picture], Part | None]
    family: Callable[[str], str]
    impostors_within: bool

    def of(self, pictures: list[Picture], part: Part) -> list[Picture]:
        """The pictures of one part, in their order."""
        return [picture for picture in pictures if self.part(picture) is part]

    def impostors(self, identities: list[str]) -> "Impostors":
        """Who of these may be an impostor of whom."""
        return Impostors(
            people.numbers(identities),
            people.numbers([self.family(name) for name in identities]),
            self.impostors_within,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Impostors:
    """Which two rows make an impostor pair: other identities, of the same family or of another."""

    identity: np.ndarray  # int64 (N,)
    family: np.ndarray  # int64 (N,)
    within: bool

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Whether rows `a` and `b`, int64 (M,) each, are impostors of each other: bool (M,)."""
        related = self.family[a] == self.family[b]
        return (self.identity[a] != self.identity[b]) & (related == self.within)

    @property
    def possible(self) -> bool:
        """Whether there is any such pair."""
        pairs = np.unique(np.stack([self.family, self.identity], 1), axis=0)
        families, members = np.unique(pairs[:, 0], return_counts=True)
        return bool(members.max() > 1 if self.within else len(families) > 1)


def alphabet(identity: str) -> str:
    """The alphabet of `Alphabet/characterNN`; turned by a quarter it is another alphabet."""
    name, _, character = identity.partition("/")
    _, turned, angle = character.partition(" turned")
    return name + turned + angle


def _part_of_character(picture: Picture) -> Part | None:
    name = picture.identity.partition("/")[0]
    if name in VALIDATION_ALPHABETS:
        return Part.VALIDATION
    if name in CALIBRATION_ALPHABETS:
        return Part.CALIBRATION
    drawer = picture.name.rpartition(".")[0].rpartition("_")[2]
    return None if drawer in HELD_OUT_DRAWERS else Part.TRAIN


PEOPLE = Split("people", lambda picture: people.part_of(picture.identity), people.family, False)
ALPHABETS = Split("alphabets", _part_of_character, alphabet, True)
SPLITS = {split.name: split for split in (PEOPLE, ALPHABETS)}


def split_named(name: str) -> Split:
    """The rule of that name; InputError if there is none."""
    if name not in SPLITS:
        raise InputError(f"Unknown split '{name}'; this version has {', '.join(SPLITS)}.")
    return SPLITS[name]
