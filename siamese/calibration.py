"""From a logit to an answer: probability, prior, operating points, decision, pick.

Pure numpy. The network's own sigmoid is the calibrated probability (the fit is folded into its
last layer), so nothing here rescales a pair's logit; thresholds and their measured error rates
travel in the checkpoint.
"""

from bisect import bisect_right
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    computed_field,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from siamese.errors import InputError
from siamese.values import STRICT, Value

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class Decision(StrEnum):
    """What is said about a pair."""

    SAME = "same"
    UNCERTAIN = "uncertain"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True, config=STRICT)
class Rate(Value):
    """An error rate and what it rests on."""

    errors: Count
    trials: Count
    low: Annotated[Share, Field(description="Lower end of the exact 95 % interval.")]
    high: Annotated[Share, Field(description="Upper end of the exact 95 % interval.")]

    @model_validator(mode="after")
    def _counted(self) -> Self:
        if self.errors > self.trials:
            raise ValueError("has more errors than trials")
        if not self.low <= self.value <= self.high:
            raise ValueError("is not inside its own interval")
        return self

    @computed_field  # type: ignore[prop-decorator]  # as pydantic's own documentation has it
    @property
    def value(self) -> float:
        """Errors per trial, 0 to 1."""
        return self.errors / self.trials if self.trials else 0.0

    # Without the type of what it returns, which would take the place of the schema of the fields.
    @model_serializer(mode="wrap")
    def _value_first(self, written: SerializerFunctionWrapHandler):  # type: ignore[no-untyped-def]
        data = written(self)
        return {"value": data.pop("value"), **data} if "value" in data else data


@dataclass(frozen=True, slots=True, config=STRICT)
class Similar(Rate):
    """How often different people look at least as similar as a pair."""

    measured_on: str


@dataclass(frozen=True, slots=True, config=STRICT)
class OperatingPoint(Value):
    """The setting at which was decided, and its measured error rates."""

    name: str
    threshold: float
    """The logit from which on the decision is "same"."""
    fmr: Rate
    """False match rate: different people called the same."""
    fnmr: Rate
    """False non-match rate: the same person not called the same."""
    measured_on: str


@dataclass(frozen=True, slots=True, config=STRICT)
class FalseMatchCurve(Value):
    """How many impostor pairs score at least as high as a logit, counted on a test.

    `levels` are (logit, errors, low, high), logits rising: of `trials` impostor pairs `errors`
    score at or above the logit; `low` and `high` are the exact 95 % interval of that rate. All
    pairs do at the lowest level, fewer at each higher one.
    """

    measured_on: str
    trials: Annotated[int, Field(gt=0)]
    levels: Annotated[tuple[tuple[float, Count, Share, Share], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _falls(self) -> Self:
        rising = all(low[0] < high[0] for low, high in pairwise(self.levels))
        falling = all(more[1] > fewer[1] for more, fewer in pairwise(self.levels))
        if not (rising and falling and self.levels[0][1] == self.trials):
            raise ValueError("contradicts itself")
        if not all(low <= n / self.trials <= high for _, n, low, high in self.levels):
            raise ValueError("contradicts itself: a rate is not inside its own interval")
        return self

    def at(self, logit: float) -> Similar:
        """The rate at this logit; between two levels that of the lower one, never too few."""
        position = bisect_right(self.levels, logit, key=lambda level: level[0])
        _, errors, low, high = self.levels[max(0, position - 1)]
        return Similar(errors, self.trials, low, high, self.measured_on)


@dataclass(frozen=True, slots=True, config=STRICT)
class DecisionRule(Value):
    """How a checkpoint decides; fitted on people it was not trained on.

    `different_below` is the logit under which 1 % of genuine pairs lie. `support_scales[k]` is the
    affine correction (scale, offset) of the logit of an identity with k + 1 support photos, the
    last one for that many and more. `false_matches` is None where it was never measured.
    """

    operating_points: Annotated[tuple[OperatingPoint, ...], Field(min_length=1)]
    different_below: float
    support_scales: Annotated[tuple[tuple[float, float], ...], Field(min_length=1)] = ((1.0, 0.0),)
    false_matches: Annotated[FalseMatchCurve | None, Field(exclude_if=lambda it: it is None)] = None

    def point(self, name: str | None = None) -> OperatingPoint:
        """The operating point of that name, the first one for None; InputError if unknown."""
        if name is None:
            return self.operating_points[0]
        for point in self.operating_points:
            if point.name == name:
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise InputError(f"Unknown operating point '{name}'; this checkpoint has {known}.")

    def decide(self, logit: float, point: OperatingPoint) -> Decision:
        """Same at or above the threshold, different below the 1 % FNMR logit, else uncertain."""
        if logit >= point.threshold:
            return Decision.SAME
        return Decision.DIFFERENT if logit < self.different_below else Decision.UNCERTAIN

    def similar(self, logit: float) -> Similar | None:
        """How often different people look at least this similar; None where it is not known."""
        return None if self.false_matches is None else self.false_matches.at(logit)

    def identity_logit(self, logit: np.ndarray, num_photos: np.ndarray) -> np.ndarray:
        """Calibrated logits of identities from raw ones and their numbers of photos, both (K,)."""
        table = np.asarray(self.support_scales, dtype=np.float64)
        scale, offset = table[np.minimum(num_photos, len(table)) - 1].T
        return scale * logit + offset


def probability(logit: float, prior: float = 0.5) -> float:
    """The probability of "same" for a logit calibrated at a prior of one half (Bayes' rule).

    Raises InputError unless 0 < prior < 1.
    """
    check_prior(prior)
    shifted = logit + np.log(prior) - np.log1p(-prior)
    return float(np.exp(-np.logaddexp(0.0, -shifted)))


def picked(shares: np.ndarray, none: float) -> int | None:
    """The place of the identity that is picked by `pick_probabilities`, None for none of these."""
    best = int(shares.argmax())
    return best if shares[best] > none else None


def pick_probabilities(logits: np.ndarray, none_prior: float = 0.5) -> tuple[np.ndarray, float]:
    """The probabilities of K identities and of "none of these", for one query.

    `logits` are the calibrated logits (K,) of each identity against the query, that is logs of the
    likelihood ratio "this identity" against "a stranger". The query matches at most one identity;
    beforehand each has (1 - none_prior) / K. Returns ((K,), none), which sum to 1.
    """
    check_prior(none_prior)
    weights = np.log1p(-none_prior) - np.log(len(logits)) + logits
    weights = np.append(weights, np.log(none_prior))
    shares = np.exp(weights - weights.max())
    shares /= shares.sum()
    return shares[:-1], float(shares[-1])


def check_prior(prior: float) -> None:
    """Raise InputError unless `prior` is a probability strictly between 0 and 1."""
    if not 0.0 < prior < 1.0:
        raise InputError(f"The prior must lie between 0 and 1, both excluded; it is {prior}.")
