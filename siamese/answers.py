"""Answers as data: what `Verifier` returns, and its one JSON form (schema version 2).

`to_dict` of an answer gives its fields in this order. The command line prints it, the API returns
it and publishes its JSON schema, whose descriptions are the docstrings here. A key is never taken
away and never changes its meaning without another `schema_version`; new ones may come.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import field, fields
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, overload

import numpy as np
from pydantic import PlainSerializer, WithJsonSchema, WrapValidator
from pydantic.dataclasses import dataclass

from siamese.calibration import (
    CountedRate,
    Decided,
    Decision,
    Judgement,
    Named,
    OperatingPoint,
    Otherwise,
    Strength,
    Support,
)
from siamese.explain import PATCH
from siamese.faces.detector import Face
from siamese.faces.quality import TELL_LITTLE, QualityWarning
from siamese.values import STRICT, Value

SCHEMA_VERSION: Literal[2] = 2

Influence = Annotated[
    np.ndarray, PlainSerializer(lambda grid: grid.tolist(), return_type=list[list[float]])
]


@dataclass(frozen=True, slots=True, config=STRICT)
class Origin(Value):
    """Which network answered."""

    source: str
    """The name of a folder, owner/name@commit on the Hugging Face Hub, or "embedded"."""
    sha256: str
    """SHA-256 of the weights, hexadecimal."""


@dataclass(frozen=True, slots=True, config=STRICT)
class PhotoFaces(Value):
    """A photo, the faces found in it, and which of them was used."""

    name: str
    size: tuple[int, int]
    """Width and height in pixels."""
    faces: tuple[Face, ...]
    """Most prominent first."""
    chosen: int
    """Which of `faces` was used, counted from 0."""
    warnings: tuple[QualityWarning, ...]

    @property
    def face(self) -> Face:
        """The face that was used."""
        return self.faces[self.chosen]

    @property
    def tells_little(self) -> bool:
        """Whether a warning says that the face tells less than others of who it is."""
        return any(warning.code in TELL_LITTLE for warning in self.warnings)


class CautionCode(StrEnum):
    """The stable names of what to bear in mind about an answer as a whole."""

    SAME_PHOTO = "same_photo"


@dataclass(frozen=True, slots=True, config=STRICT)
class Caution(Value):
    """What to bear in mind about an answer as a whole."""

    code: Annotated[CautionCode, WithJsonSchema({"type": "string"})]
    message: str


SAME_PHOTO = Caution(
    CautionCode.SAME_PHOTO,
    "This is the same photo twice; that the two are alike says nothing about two photos.",
)


class Answer(Value):
    """What all answers can do; short names for what their JSON names at length."""

    __slots__ = ()
    checkpoint: Origin

    @property
    def origin(self) -> Origin:
        """Which network answered."""
        return self.checkpoint


class OnPair(Answer):
    """An answer on two photos."""

    __slots__ = ()
    photos: tuple[PhotoFaces, ...]

    @property
    def first(self) -> PhotoFaces:
        """The first photo."""
        return self.photos[0]

    @property
    def second(self) -> PhotoFaces:
        """The second photo."""
        return self.photos[1]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Verification(Judgement, OnPair):
    """Whether two photos show the same person."""

    schema_version: Literal[2] = SCHEMA_VERSION
    kind: Literal["verification"] = "verification"
    all_pairs: tuple[tuple[float, ...], ...]
    """The decimal logarithms of the likelihood ratios of all pairs of faces that were compared: a
    row for each face of the first photo, a column for each of the second, in the order of `faces`;
    of a photo whose face was chosen, that face alone. All by the rule of the pair that the answer
    is about."""
    otherwise: dict[str, Otherwise]
    """What the answer would be were a different person one of each other population, at the setting
    of the same name there; without those that have none such."""
    cautions: tuple[Caution, ...]
    photos: tuple[PhotoFaces, ...]
    """The first and the second."""
    checkpoint: Origin
    milliseconds: dict[str, float]
    """Time spent, by stage."""

    @classmethod
    def of(cls, judged: Judgement, **more: Any) -> Self:
        """The answer that says this of a pair; `more` are the fields beyond those of `judged`."""
        return cls(**{item.name: getattr(judged, item.name) for item in fields(judged)}, **more)


@dataclass(frozen=True, slots=True, config=STRICT)
class Grid(Value):
    """How the cells of an explanation lie over an aligned crop; sides in its pixels."""

    cells: int
    """Along each side."""
    cell: float
    patch: float
    """Side of the patch that was laid over each cell."""
    crop: int

    @classmethod
    def over(cls, crop: int, cells: int) -> Self:
        """So many cells a side, over a crop with sides of so many pixels."""
        return cls(cells, crop / cells, crop / cells * PATCH, crop)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, config=STRICT)
class Explanation(OnPair):
    """Which parts of two faces speak for "same" and which against."""

    # See `explain`. The influences do not add up to the logit, whose unit they have: patches
    # overlap, and parts work together. What is positive speaks for "same", negative against.
    schema_version: Literal[2] = SCHEMA_VERSION
    kind: Literal["explanation"] = "explanation"
    logit: float
    grid: Grid
    influences: tuple[Influence, ...]
    """For each face, row by row: how far the logit falls when a patch covers that cell."""
    photos: tuple[PhotoFaces, ...]
    checkpoint: Origin
    milliseconds: dict[str, float]
    """Time spent, by stage."""

    @property
    def cell(self) -> float:
        """Side of a cell in px of the aligned crop; cell (row, column) begins at that many px."""
        return self.grid.cell


@dataclass(frozen=True, slots=True, config=STRICT)
class Candidate(Value):
    """One person of the support set, compared with the query."""

    identity: str
    probability: float
    """Its share among all people and "none of these"."""
    logit: float
    """Natural logarithm of its likelihood ratio before that is bounded."""
    log10_likelihood_ratio: float
    """How much more probable the photos are if the query shows this person than if it shows a
    stranger: the decimal logarithm of that ratio, within its bounds."""
    support: Support
    """The likelihood ratio in words."""
    num_photos: int
    decision: Decided
    """What a comparison with this person alone would say."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Ranking(Sequence[Candidate]):
    """Candidates, most probable first; each is made when it is asked for, since they may be many.

    `names` (K) are everybody's, `order` (K,) int64 are their places in them; of each in that order
    the `shares`, `logits`, `log10` of the bounded likelihood ratios, and `counts` of photos (K,).
    `decide` takes a place in the names and a logit.
    """

    names: Sequence[str]
    order: np.ndarray
    shares: np.ndarray
    logits: np.ndarray
    log10: np.ndarray
    counts: np.ndarray
    decide: Callable[[int, float], Decision]

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...

    @overload
    def __getitem__(self, place: slice) -> list[Candidate]: ...

    def __getitem__(self, place: int | slice) -> Candidate | list[Candidate]:
        if isinstance(place, slice):
            return [self[number] for number in range(len(self))[place]]
        logit, log10 = float(self.logits[place]), float(self.log10[place])
        person = int(self.order[place])
        return Candidate(
            identity=self.names[person],
            probability=float(self.shares[place]),
            logit=logit,
            log10_likelihood_ratio=log10,
            support=Strength.of(log10),
            num_photos=int(self.counts[place]),
            decision=self.decide(person, logit),
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranking) and [*self] == [*other]

    __hash__ = None  # type: ignore[assignment]


# What is a `Ranking` already has been checked; pydantic would make all of it.
Ranked = Annotated[
    Sequence[Candidate],
    WrapValidator(lambda given, check: given if isinstance(given, Ranking) else check(given)),
    PlainSerializer(list, return_type=list[Candidate]),
]


@dataclass(frozen=True, slots=True, config=STRICT)
class Unusable(Value):
    """A support photo that was left out, and why."""

    identity: str
    photo: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True, config=STRICT)
class Doubtful(Value):
    """A support photo that was used, and what makes answers about it less reliable."""

    identity: str
    photo: str
    warnings: tuple[QualityWarning, ...]


@dataclass(frozen=True, slots=True, config=STRICT)
class Proposals(Value):
    """What the network itself says of who is who among the people of a support set."""

    merge: tuple[tuple[str, ...], ...] = ()
    """People who seem to be one."""
    part: dict[str, tuple[tuple[int, ...], ...]] = field(default_factory=dict)
    """People who seem to be several: the photos of each, by their numbers among those of that
    name, from 0."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Identified(Value):
    """A face of the query, where no two faces of one photo are the same person."""

    face: int
    """Its number among the query's `faces`."""
    identity: str | None
    """Null where nobody is named: none of these, or nobody who is like enough at this operating
    point and more probable than not."""
    candidate: str | None
    """The most probable person whom no other face shows; null where there are fewer people."""
    probability: float
    """That of the candidate, among the people who are no other face and "none of these"."""
    none_probability: float


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Pick(Answer):
    """Which person of a support set the query shows, if any."""

    schema_version: Literal[2] = SCHEMA_VERSION
    kind: Literal["pick"] = "pick"
    identity: str | None
    """Null where nobody is named: none of these, or `undecided`."""
    margin: float
    """The winner's probability less that of the runner-up."""
    ranking: Ranked
    """Most probable first; with `none_probability` the probabilities sum to 1."""
    none_probability: float
    none_prior: float
    """How probable "none of these" was beforehand."""
    population: Named
    """Who different people are taken to be."""
    warned: bool
    """Whether the query, or every photo of the most probable person, bears a warning that it tells
    little of who it shows; the operating point and its rates are then those of such photos. Each
    person's likelihood ratio is by the rule for what the query and their own photos tell."""
    false_matches_among: dict[str, CountedRate]
    """How often two different people of each other population are called the same at this setting,
    where that was counted."""
    operating_point: OperatingPoint
    query: PhotoFaces
    each_face: tuple[Identified, ...]
    """All faces of the query together, each as a person or none; empty where it shows only one.
    The rest of the answer is about the chosen face alone."""
    unusable: tuple[Unusable, ...]
    doubtful: tuple[Doubtful, ...]
    """Of the support photos that were read for this answer."""
    proposals: Proposals
    """Empty where there are too many photos to compare each with each."""
    checkpoint: Origin
    milliseconds: dict[str, float]
    """Time spent, by stage."""

    @property
    def undecided(self) -> bool:
        """Whether somebody is more probable than "none of these" and nobody is named all the same:
        too unlike at this setting, or no more probable than all others together."""
        return self.identity is None and self.ranking[0].probability > self.none_probability
