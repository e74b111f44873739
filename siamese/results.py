"""Answers as data: what `Verifier` returns; `to_dict` gives its one JSON form (see `schema`)."""

from dataclasses import dataclass

import numpy as np

from siamese.calibration import Decision, OperatingPoint, Similar
from siamese.explain import PATCH
from siamese.faces import Face
from siamese.quality import Warning
from siamese.schema import (
    SCHEMA_VERSION,
    CandidateDict,
    CheckpointDict,
    ExplanationDict,
    PhotoDict,
    PickDict,
    UnusableDict,
    VerificationDict,
)


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
