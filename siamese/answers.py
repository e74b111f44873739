"""Answers as data: what `Verifier` returns, and its one JSON form (schema version 1).

`to_dict` of an answer gives what its `...Dict` type describes. The command line prints it, the API
returns it and publishes it as a JSON schema, whose descriptions are the docstrings here. A key is
never taken away and never changes its meaning without another `schema_version`; new ones may come.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from typing_extensions import TypedDict  # typing's own cannot be read by pydantic before 3.12

from siamese.calibration import Decision, OperatingPoint, OperatingPointDict, Similar, SimilarDict
from siamese.errors import documented
from siamese.explain import PATCH
from siamese.faces.detector import Face, FaceDict
from siamese.faces.quality import Warning, WarningDict

SCHEMA_VERSION: Literal[1] = 1


@documented
class PhotoDict(TypedDict):
    """A photo, the faces found in it, and which of them was used."""

    name: str
    size: list[int]
    """Width and height in pixels."""
    faces: list[FaceDict]
    """Most prominent first."""
    chosen: int
    """Which of `faces` was used, counted from 0."""
    warnings: list[WarningDict]


@documented
class CheckpointDict(TypedDict):
    """Which network answered."""

    source: str
    """The name of a folder, owner/name@commit on the Hugging Face Hub, or "embedded"."""
    sha256: str
    """SHA-256 of the weights, hexadecimal."""


Decided = Literal["same", "uncertain", "different"]


@documented
class VerificationDict(TypedDict):
    """Whether two photos show the same person."""

    schema_version: Literal[1]
    kind: Literal["verification"]
    decision: Decided
    """At the operating point; it does not depend on the prior."""
    probability: float
    """That both photos show the same person, calibrated, given the prior; 0 to 1."""
    prior: float
    """How probable "same" was beforehand."""
    logit: float
    """Log-odds of "same" at a prior of one half."""
    different_people_as_similar: SimilarDict | None
    """How often random different people look at least this similar; null where not measured."""
    operating_point: OperatingPointDict
    photos: list[PhotoDict]
    """The first and the second."""
    checkpoint: CheckpointDict
    milliseconds: dict[str, float]
    """Time spent, by stage."""


@documented
class GridDict(TypedDict):
    """How the cells of an explanation lie over an aligned crop; sides in its pixels."""

    cells: int
    """Along each side."""
    cell: float
    patch: float
    """Side of the patch that was laid over each cell."""
    crop: int


@documented
class ExplanationDict(TypedDict):
    """Which parts of two faces speak for "same" and which against."""

    schema_version: Literal[1]
    kind: Literal["explanation"]
    logit: float
    grid: GridDict
    influences: list[list[list[float]]]
    """For each face, row by row: how far the logit falls when a patch covers that cell."""
    photos: list[PhotoDict]
    checkpoint: CheckpointDict
    milliseconds: dict[str, float]
    """Time spent, by stage."""


@documented
class CandidateDict(TypedDict):
    """One person of the support set, compared with the query."""

    identity: str
    probability: float
    """Its share among all people and "none of these"."""
    logit: float
    num_photos: int
    decision: Decided
    """What a comparison with this person alone would say."""


@documented
class UnusableDict(TypedDict):
    """A support photo that was left out, and why."""

    identity: str
    photo: str
    code: str
    reason: str


@documented
class PickDict(TypedDict):
    """Which person of a support set the query shows, if any."""

    schema_version: Literal[1]
    kind: Literal["pick"]
    identity: str | None
    """Null for none of these."""
    margin: float
    """The winner's probability less that of the runner-up."""
    ranking: list[CandidateDict]
    """Most probable first; with `none_probability` the probabilities sum to 1."""
    none_probability: float
    none_prior: float
    """How probable "none of these" was beforehand."""
    operating_point: OperatingPointDict
    query: PhotoDict
    unusable: list[UnusableDict]
    checkpoint: CheckpointDict
    milliseconds: dict[str, float]
    """Time spent, by stage."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Which weights answered: a folder's name, `repo@commit` or `embedded`; and their SHA-256."""

    source: str
    sha256: str

    def to_dict(self) -> CheckpointDict:
        """As data."""
        return {"source": self.source, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class PhotoFaces:
    """The faces of one photo, best first, and which of them was used.

    `size` is (width, height) of the upright photo, px; `chosen` counts from 0.
    """

    name: str
    size: tuple[int, int]
    faces: tuple[Face, ...]
    chosen: int
    warnings: tuple[Warning, ...]

    @property
    def face(self) -> Face:
        """The face that was used."""
        return self.faces[self.chosen]

    def to_dict(self) -> PhotoDict:
        """As data, without pixels."""
        return {
            "name": self.name,
            "size": list(self.size),
            "faces": [face.to_dict() for face in self.faces],
            "chosen": self.chosen,
            "warnings": [warning.to_dict() for warning in self.warnings],
        }


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two photos show the same person.

    `probability` (0..1) is calibrated; it holds where "same" had the probability `prior`
    beforehand. `decision` depends on `logit` and the operating point alone, never on the prior.
    `similar` is how often different people look at least this similar, None where it is not known.
    """

    probability: float
    decision: Decision
    logit: float
    prior: float
    operating_point: OperatingPoint
    first: PhotoFaces
    second: PhotoFaces
    origin: Origin
    milliseconds: dict[str, float]
    similar: Similar | None = None

    def to_dict(self) -> VerificationDict:
        """The answer as JSON-serialisable data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "verification",
            "decision": self.decision.value,
            "probability": self.probability,
            "prior": self.prior,
            "logit": self.logit,
            "different_people_as_similar": self.similar.to_dict() if self.similar else None,
            "operating_point": self.operating_point.to_dict(),
            "photos": [self.first.to_dict(), self.second.to_dict()],
            "checkpoint": self.origin.to_dict(),
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Which parts of two faces speak for "same" and which against (see `explain`).

    `influences` holds one grid for each face, float32 (G, G), row by row from the top, laid over
    the face's aligned crop: how far the `logit` falls when the patch over that cell is covered, so
    what is positive speaks for "same", negative against. Its unit is that of the logit. The values
    do not add up to the logit: patches overlap, and parts work together.
    """

    logit: float
    first: PhotoFaces
    second: PhotoFaces
    influences: tuple[np.ndarray, np.ndarray]
    origin: Origin
    milliseconds: dict[str, float]

    @property
    def cell(self) -> float:
        """Side of a cell in px of the aligned crop; cell (row, column) begins at that many px."""
        return self.first.face.crop.shape[0] / len(self.influences[0])

    def to_dict(self) -> ExplanationDict:
        """The answer as JSON-serialisable data; sides in px of the aligned crop."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "explanation",
            "logit": self.logit,
            "grid": {
                "cells": len(self.influences[0]),
                "cell": self.cell,
                "patch": self.cell * PATCH,
                "crop": self.first.face.crop.shape[0],
            },
            "influences": [grid.tolist() for grid in self.influences],
            "photos": [self.first.to_dict(), self.second.to_dict()],
            "checkpoint": self.origin.to_dict(),
            "milliseconds": self.milliseconds,
        }


@dataclass(frozen=True, slots=True)
class Candidate:
    """One identity of the support set, compared with the query.

    `probability` is its share among all identities and "none of these"; `decision` is what
    `verify` would say of this pair at the operating point.
    """

    identity: str
    probability: float
    logit: float
    num_photos: int
    decision: Decision

    def to_dict(self) -> CandidateDict:
        """As data."""
        return {
            "identity": self.identity,
            "probability": self.probability,
            "logit": self.logit,
            "num_photos": self.num_photos,
            "decision": self.decision.value,
        }


@dataclass(frozen=True, slots=True)
class Unusable:
    """A support photo that was left out, with the reason as one sentence and as a code."""

    identity: str
    photo: str
    code: str
    reason: str

    def to_dict(self) -> UnusableDict:
        """As data."""
        return {
            "identity": self.identity,
            "photo": self.photo,
            "code": self.code,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class Pick:
    """Which identity of a support set the query shows, if any.

    `ranking` is sorted, most probable first; with `none_probability` it sums to 1. `identity` is
    the winner, None for "none of these"; `margin` is the winner's probability less the runner-up's,
    "none of these" being one of the runners. `none_prior` is what "none" had beforehand.
    """

    identity: str | None
    margin: float
    ranking: tuple[Candidate, ...]
    none_probability: float
    none_prior: float
    operating_point: OperatingPoint
    query: PhotoFaces
    unusable: tuple[Unusable, ...]
    origin: Origin
    milliseconds: dict[str, float]

    def to_dict(self) -> PickDict:
        """The answer as JSON-serialisable data."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "pick",
            "identity": self.identity,
            "margin": self.margin,
            "ranking": [candidate.to_dict() for candidate in self.ranking],
            "none_probability": self.none_probability,
            "none_prior": self.none_prior,
            "operating_point": self.operating_point.to_dict(),
            "query": self.query.to_dict(),
            "unusable": [photo.to_dict() for photo in self.unusable],
            "checkpoint": self.origin.to_dict(),
            "milliseconds": self.milliseconds,
        }
