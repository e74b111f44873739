"""From a logit to an answer: probability, prior, operating points, decision, pick.

Pure numpy. The network's own sigmoid is the calibrated probability (the fit is folded into its
last layer), so nothing here rescales a pair's logit; thresholds and their measured error rates
travel in the checkpoint.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from typing_extensions import TypedDict  # typing's own cannot be read by pydantic before 3.12

from siamese.errors import InputError, documented


@documented
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


@documented
class SimilarDict(RateDict):
    """How often different people look at least as similar as a pair."""

    measured_on: str


@documented
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


class Decision(StrEnum):
    """What is said about a pair."""

    SAME = "same"
    UNCERTAIN = "uncertain"
    DIFFERENT = "different"


@dataclass(frozen=True, slots=True)
class Rate:
    """An error rate with what it rests on; `low` and `high` are its exact 95 % interval."""

    errors: int
    trials: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Errors per trial, 0..1; 0 where nothing was tried."""
        return self.errors / self.trials if self.trials else 0.0

    def to_dict(self) -> RateDict:
        """As data, the value included."""
        return {
            "value": self.value,
            "errors": self.errors,
            "trials": self.trials,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold on the logit, fitted on calibration people, and its rates measured on a test."""

    name: str
    threshold: float
    fmr: Rate
    fnmr: Rate
    measured_on: str

    def to_dict(self) -> OperatingPointDict:
        """As data: name, threshold (logit), both rates, and what they were measured on."""
        return {
            "name": self.name,
            "threshold": self.threshold,
            "fmr": self.fmr.to_dict(),
            "fnmr": self.fnmr.to_dict(),
            "measured_on": self.measured_on,
        }


@dataclass(frozen=True, slots=True)
class FalseMatchCurve:
    """How many impostor pairs score at least as high as a logit, counted on a test.

    `levels` are (logit, errors, low, high), logits rising: of `trials` impostor pairs `errors`
    score at or above the logit; `low` and `high` are the exact 95 % interval of that rate.
    """

    measured_on: str
    trials: int
    levels: tuple[tuple[float, int, float, float], ...]

    def at(self, logit: float) -> Rate:
        """The rate at this logit; between two levels that of the lower one, never too few."""
        position = bisect_right(self.levels, logit, key=lambda level: level[0])
        _, errors, low, high = self.levels[max(0, position - 1)]
        return Rate(errors, self.trials, low, high)

    def to_dict(self) -> dict[str, Any]:
        """As data, just as it comes back from a file."""
        levels = [list(level) for level in self.levels]
        return {"measured_on": self.measured_on, "trials": self.trials, "levels": levels}


@dataclass(frozen=True, slots=True)
class Similar:
    """How often different people looked at least as similar as a pair, and where that was seen."""

    rate: Rate
    measured_on: str

    def to_dict(self) -> SimilarDict:
        """As data."""
        return {**self.rate.to_dict(), "measured_on": self.measured_on}


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How a checkpoint decides; fitted on people it was not trained on.

    `different_below` is the logit under which 1 % of genuine pairs lie. `support_scales[k]` is the
    affine correction (scale, offset) of the logit of an identity with k + 1 support photos, the
    last one for that many and more. `false_matches` is None where it was never measured.
    """

    operating_points: tuple[OperatingPoint, ...]
    different_below: float
    support_scales: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    false_matches: FalseMatchCurve | None = None

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
        curve = self.false_matches
        return None if curve is None else Similar(curve.at(logit), curve.measured_on)

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
