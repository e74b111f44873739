"""The JSON form of answers as types: what `to_dict` of each answer gives (schema version 1).

The command line prints it, the API returns it and publishes it as a JSON schema, whose
descriptions are the docstrings here. A key is never taken away and never changes its meaning
without another `schema_version`; new ones may come.
"""

from typing import Literal, TypeVar

from typing_extensions import TypedDict  # typing's own cannot be read by pydantic before 3.12

SCHEMA_VERSION: Literal[1] = 1

T = TypeVar("T", bound=type)


def _documented(kind: T) -> T:
    """Let pydantic, where a program uses it, take the descriptions from the docstrings."""
    kind.__pydantic_config__ = {"use_attribute_docstrings": True}  # type: ignore[attr-defined]
    return kind


@_documented
class RateDict(TypedDict):
    """An error rate and what it rests on."""

    value: float
    """Errors per trial, 0 to 1."""
    errors: int
    trials: int
    low: float
    """Lower end of the exact 95 % interval."""
    high: float
    """Upper end of the exact 95 % interval."""


@_documented
class SimilarDict(RateDict):
    """How often different people look at least as similar as a pair."""

    measured_on: str


@_documented
class OperatingPointDict(TypedDict):
    """The setting at which was decided, and its measured error rates."""

    name: str
    threshold: float
    """The logit from which on the decision is "same"."""
    fmr: RateDict
    """False match rate: different people called the same."""
    fnmr: RateDict
    """False non-match rate: the same person not called the same."""
    measured_on: str


@_documented
class FaceDict(TypedDict):
    """A face in a photo; positions in pixels of the upright photo."""

    box: list[float]
    """Left, top, right, bottom."""
    landmarks: list[list[float]]
    """x, y of left eye, right eye, nose, left and right corner of the mouth, as seen."""
    score: float
    """How sure the detector is, 0 to 1; no probability of "same"."""
    turned: int
    """Degrees by which the photo was turned to find the face."""


@_documented
class WarningDict(TypedDict):
    """What may make the answer less reliable."""

    code: str
    message: str


@_documented
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


@_documented
class CheckpointDict(TypedDict):
    """Which network answered."""

    source: str
    """The name of a folder, owner/name@commit on the Hugging Face Hub, or "embedded"."""
    sha256: str
    """SHA-256 of the weights, hexadecimal."""


Decided = Literal["same", "uncertain", "different"]


@_documented
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


@_documented
class GridDict(TypedDict):
    """How the cells of an explanation lie over an aligned crop; sides in its pixels."""

    cells: int
    """Along each side."""
    cell: float
    patch: float
    """Side of the patch that was laid over each cell."""
    crop: int


@_documented
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


@_documented
class CandidateDict(TypedDict):
    """One person of the support set, compared with the query."""

    identity: str
    probability: float
    """Its share among all people and "none of these"."""
    logit: float
    num_photos: int
    decision: Decided
    """What a comparison with this person alone would say."""


@_documented
class UnusableDict(TypedDict):
    """A support photo that was left out, and why."""

    identity: str
    photo: str
    code: str
    reason: str


@_documented
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


ErrorCode = Literal["unreadable_image", "no_face", "bad_input", "bad_checkpoint", "error"]


@_documented
class ErrorDict(TypedDict):
    """Why there is no answer."""

    code: ErrorCode
    message: str
    """One sentence for the person who asked."""
