"""Which pictures of a source train, choose, and calibrate; and who counts as related to whom.

Two fixed rules, by name. "people": a hash of the family decides, so a person never moves
(`people.part_of`). "alphabets" is for Omniglot,
`Alphabet/characterNN/NNNN_MM.png` with MM the drawer: alphabets named here are kept for validation
and calibration, and the pictures of four drawers of every other alphabet are used for nothing, so
neither the characters nor the hands numbered so have been seen. Characters of one alphabet are the
impostors that matter there: telling them apart is the task, telling alphabets apart is easy.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from siamese.checkpoint import CheckpointConfig
from siamese.data import people
from siamese.data.people import Part, Picture, family
from siamese.data.reference import Reference
from siamese.data.targets import SAME_PERSON, close_to_any
from siamese.errors import InputError

VALIDATION_ALPHABETS = ("Bengali", "Hebrew")
CALIBRATION_ALPHABETS = ("Anglo-Saxon_Futhorc", "Mkhedruli_(Georgian)", "Tagalog")
HELD_OUT_DRAWERS = ("17", "18", "19", "20")


@dataclass(frozen=True, slots=True)
class Split:
    """A rule by name. `part` is None for a picture that is used for nothing.

    `family` maps an identity to who it is related to. `impostors_within`: the task is to tell the
    members of a family apart, so a calibration draws its impostor pairs there.
    """

    name: str
    part: Callable[[Picture], Part | None]
    family: Callable[[str], str]
    impostors_within: bool

    def of(self, pictures: Sequence[Picture], part: Part) -> list[Picture]:
        """The pictures of one part, in their order."""
        return [picture for picture in pictures if self.part(picture) is part]

    def collection(self, picture: Picture) -> str:
        """Where a picture's impostors come from: its source, or its family."""
        return self.family(picture.identity) if self.impostors_within else picture.source


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


def split_of(config: CheckpointConfig) -> Split:
    """The rule by which the network's training kept identities aside; its own record says."""
    named = {record.get("split", PEOPLE.name) for record in config.training}
    if len(named) > 1:
        raise InputError("The stages of this checkpoint kept different people aside; start afresh.")
    return split_named(named.pop()) if named else PEOPLE


MIN_PEOPLE = 20
MIN_CALIBRATION = 10  # of whom there are two pictures or more; fewer make a fit of nothing
MIN_HALF = 20  # of these, in each of both halves; else all fit, and rates are cross-validated
# In more than nine cases of ten, 150 people in all leave so many, and 600 people two such halves.


def fits(identity: str) -> bool:
    """Whether a calibration person is of the half that fits; a hash of the family decides."""
    digest = hashlib.sha256(f"calibration half of {family(identity)}".encode()).digest()
    return digest[0] < 128


def _with_several(pictures: Sequence[Picture]) -> list[str]:
    """Who has two pictures or more."""
    counts = Counter(picture.identity for picture in pictures)
    return [who for who, count in counts.items() if count > 1]


def make_halves(pictures: Sequence[Picture]) -> bool:
    """Whether these calibration people are enough for one half to fit and the other to report."""
    several = _with_several(pictures)
    fit = sum(fits(who) for who in several)
    return min(fit, len(several) - fit) >= MIN_HALF


def check_enough(pictures: Sequence[Picture]) -> None:
    """Raise InputError where these calibration people are too few for any calibration."""
    several = _with_several(pictures)
    if len(several) < MIN_CALIBRATION:
        raise InputError(
            f"Calibration needs {MIN_CALIBRATION} people with two pictures or more of whom the"
            f" network saw none; there are {len(several)}. A tenth of the people that training is"
            " given are kept for that, so it takes about 150 in all; or give --data another set."
        )


def outlook(people: Sequence[Picture], split: Split) -> str | None:
    """What those who train on these people should know of the calibration; None where all is well.

    People are kept aside for it before anything is trained, and they are all that it has.
    """
    kept = split.of(people, Part.CALIBRATION)
    count, several = len({picture.identity for picture in people}), len(_with_several(kept))
    if several >= 2 * MIN_HALF:
        return None
    said = (
        f"Of these {count} people, {several} with two pictures or more are kept to calibrate on; "
    )
    if several < MIN_CALIBRATION:
        return f"{said}too few. It takes about 150 in all; or calibrate --data another set of 10."
    return (
        f"{said}rates will be cross-validated, with wide intervals. Halves take about 600 in all."
    )


def training_pictures(
    data: Sequence[Path],
    unlabelled: Sequence[Path],
    split: Split,
    reference: Reference | None = None,
    turns: bool = False,
) -> list[Picture]:
    """Labelled pictures of the training part, and all unlabelled ones, which a reference teaches.

    It also finds people who stand in two sources under two names: whoever has a picture that close
    to a held-out person's is left out. With `turns`, labelled pictures are
    there turned by quarters too, as pictures of other classes. Raises InputError where there are
    too few people, or unlabelled pictures and no reference network.
    """
    everyone = people.list_people(data)
    labelled = split.of(everyone, Part.TRAIN)
    if turns:
        labelled = people.turned(labelled)
    count = len({picture.identity for picture in labelled})
    if count < MIN_PEOPLE:
        raise InputError(
            f"Training needs at least {MIN_PEOPLE} people in its training part; there are {count}."
        )
    if reference is None:
        if unlabelled:
            raise InputError("Pictures without identity teach nothing without --teacher.")
        return labelled
    free = [p for source in unlabelled for p in people.list_pictures(source, False)]
    held_out = [p for p in everyone if split.part(p) is not Part.TRAIN]
    return _without_held_out(labelled + free, held_out, reference)


def _without_held_out(
    pictures: Sequence[Picture], held_out: Sequence[Picture], reference: Reference
) -> list[Picture]:
    close = close_to_any(reference.of(pictures), reference.of(held_out), SAME_PERSON)
    suspects = {p.identity for p, hit in zip(pictures, close, strict=True) if hit and p.identity}
    return [
        picture
        for picture, hit in zip(pictures, close, strict=True)
        if not hit and picture.identity not in suspects
    ]


def calibration_pictures(
    data: Sequence[Path], part: Part, split: Split = PEOPLE, strangers: Sequence[str] = ()
) -> list[Picture]:
    """The pictures of one part of these sources; InputError where there are none.

    `strangers` names the sources of which nobody was trained on: there, whom the split would have
    trained on calibrate too.
    """
    found = [
        picture
        for picture in people.list_people(data)
        if _part_where_known(picture, split, strangers) is part
    ]
    if not found:
        names = ", ".join(source.name for source in data)
        raise InputError(f"No {part} people in {names} by the split '{split.name}'.")
    return found


def all_calibration_pictures(
    data: Sequence[Path], split: Split, strangers: Sequence[str]
) -> list[Picture]:
    """The pictures to calibrate on; of strangers all, where they would make no halves."""
    found = calibration_pictures(data, Part.CALIBRATION, split, strangers)
    if make_halves(found):
        return found
    known = set(found)
    return [
        picture
        for picture in people.list_people(data)
        if picture in known or Path(picture.source).name in strangers
    ]


def _part_where_known(picture: Picture, split: Split, strangers: Sequence[str]) -> Part | None:
    part = split.part(picture)
    if part is Part.TRAIN and Path(picture.source).name in strangers:
        return Part.CALIBRATION
    return part


def strangers_in(hashes: Mapping[Path, str], config: CheckpointConfig) -> list[str]:
    """Names of the sources, given with their SHA-256, that no stage of the network was trained on.

    A source is known by its content or by its name: a changed one may hold whom it held.
    """
    known: set[str] = set()
    for record in config.training:
        known.update(*dict(record.get("sources", {})).items())
    return sorted(path.name for path, sha256 in hashes.items() if not {path.name, sha256} & known)
