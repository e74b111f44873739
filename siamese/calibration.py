"""From a logit to an answer: likelihood ratio, probability, operating points, decision, pick.

Pure numpy. The Platt fit is folded into the network's last layer, so a pair's logit is calibrated
at a prior of one half: it is the natural logarithm of a likelihood ratio (LR), "same person"
against "two different people". `DecisionRule.judge` is the one way from there to an answer: bounded
LR, then probability and decision. Thresholds, bounds and measured error rates travel in the
checkpoint.
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np
from pydantic import (
    BeforeValidator,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    computed_field,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from siamese.errors import InputError
from siamese.values import STRICT, Value

LN10 = math.log(10)
ABOVE_EVEN = math.ulp(0.0)  # the least logit of a likelihood ratio above 1

CAREFUL = "careful"  # the operating point of FMR 1 %: the default
VERY_CAREFUL = "very_careful"  # FMR 0.1 %
BALANCED = "balanced"  # both errors equally frequent
OLD_NAMES = {"fmr_1": CAREFUL, "fmr_0_1": VERY_CAREFUL}  # in older checkpoints and requests
TIE = 1e-9  # of a logit, which counts only where bounded ones are equal
TYPED = 1e-3  # how exactly such a rate has to be typed, relatively
ASKED_RATE = "fmr="  # begins the name of an operating point that is asked for by its rate

# Who else it could be: different people are two of these.
ANYBODY = "anybody"  # the default
PEERS = "peers"  # of the same sex, age group and origin
CHILDREN = "children"
RELATIVES = "relatives"  # close ones

Count = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
PointName = Annotated[
    str, BeforeValidator(lambda name: OLD_NAMES.get(name, name) if isinstance(name, str) else name)
]


class Decision(StrEnum):
    """What is said about a pair."""

    SAME = "same"
    UNCERTAIN = "uncertain"
    DIFFERENT = "different"


class Reason(StrEnum):
    """Why a pair is called uncertain."""

    BETWEEN = "between_limits"
    WEAK = "weak_evidence"
    SEARCHED = "many_faces"
    PHOTO = "photo_quality"


REASONS: Mapping[Reason, str] = {
    Reason.BETWEEN: "They are too unlike for “same” at this setting, too alike for “different”.",
    Reason.WEAK: "This setting alone would decide, but the likelihood ratio does not support it.",
    Reason.SEARCHED: "Among so many pairs of faces, some that are as alike turn up by chance.",
    Reason.PHOTO: "A photo tells too little to decide; the notes on the photos say why.",
}


class Strength(StrEnum):
    """How strongly two photos support one of "same" and "different" against the other, in words.

    The scale of the ENFSI Guideline for Evaluative Reporting in Forensic Science (2015), whose
    weakest step begins at an LR of 2; here it begins at 1, as in the standards of the Association
    of Forensic Science Providers (Science & Justice 49, 2009). An LR below 1 supports "different"
    as strongly as its reciprocal supports "same".
    """

    NONE = "none"
    WEAK = "weak"
    MODERATE = "moderate"
    MODERATELY_STRONG = "moderately strong"
    STRONG = "strong"
    VERY_STRONG = "very strong"
    EXTREMELY_STRONG = "extremely strong"

    @classmethod
    def of(cls, log10: float) -> "Strength":
        """The word for a likelihood ratio, given as its decimal logarithm."""
        if log10 == 0:
            return cls.NONE
        return tuple(cls)[1 + bisect_right(STEPS, abs(log10))]


STEPS = (1.0, 2.0, 3.0, 4.0, 6.0)  # log10 LR from which on the next word of `Strength` holds


JOINS = (1.04, 3.38)  # of the weights before each checkpoint had its own, and near those of others

Named = Literal["anybody", "peers", "children", "relatives"]

# Values as JSON schemas name them: the names themselves, without a type of their own.
Decided = Annotated[Decision, WithJsonSchema({"type": "string", "enum": [*Decision]})]
Why = Annotated[Reason, WithJsonSchema({"type": "string", "enum": [*Reason]})]
Warned = Annotated[bool, Field(exclude_if=lambda it: not it)]  # whether a photo of a pair is
Support = Annotated[Strength, WithJsonSchema({"type": "string", "enum": [*Strength]})]


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


UNMEASURED = Rate(0, 0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, config=STRICT)
class CountedRate(Rate):
    """An error rate, and which pairs it was counted on."""

    measured_on: str


@dataclass(frozen=True, slots=True, config=STRICT)
class OperatingPoint(Value):
    """The setting at which was decided, and its measured error rates."""

    name: PointName
    threshold: float
    """The logit from which on the decision is "same"."""
    fmr: Rate
    """False match rate: different people called the same."""
    fnmr: Rate
    """False non-match rate: the same person not called the same."""
    measured_on: str


@dataclass(frozen=True, slots=True, config=STRICT)
class ErrorCurve(Value):
    """How many pairs of one kind score at least as high as a level, counted on a test.

    Impostor pairs are scored by their logit, genuine pairs by its negative: the higher, the more
    wrong. `levels` are (level, errors, low, high), levels rising: of `trials` pairs `errors` score
    at or above the level; `low` and `high` are the 95 % interval of that rate. All pairs do at the
    lowest level, fewer at each higher one.
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

    def at(self, score: float) -> CountedRate:
        """The rate at this score; between two levels that of the lower one, never too few."""
        position = bisect_right(self.levels, score, key=lambda level: level[0])
        _, errors, low, high = self.levels[max(0, position - 1)]
        return CountedRate(errors, self.trials, low, high, self.measured_on)


MaybeCurve = Annotated[ErrorCurve | None, Field(exclude_if=lambda it: it is None)]


@dataclass(frozen=True, slots=True, config=STRICT)
class Bounds(Value):
    """Between which likelihood ratios the calibration pairs can support a claim."""

    # Fitted by `evaluation.fitting.fit_bounds`.
    log10_low: Annotated[float, Field(le=0)]
    """Decimal logarithm of the lowest likelihood ratio that is reported."""
    log10_high: Annotated[float, Field(ge=0)]
    """Decimal logarithm of the highest one."""
    genuine_pairs: Count
    """How many pairs of the same person they rest on."""
    impostor_pairs: Count
    """How many pairs of different people they rest on."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Population(Value):
    """How pairs are judged where a different person would be one of these, not just anybody.

    Faces of one kind are more alike, so the same logit is weaker evidence among them; and so it is,
    with a rule of its own for each population, where a photo is `warned` of. The natural
    logarithm of the likelihood ratio is scale * logit + offset; the other fields are those of
    `DecisionRule`, on that scale. Fitted by `training.populations` on counted pairs.
    """

    name: Named
    scale: Annotated[float, Field(gt=0)]
    offset: float
    operating_points: Annotated[tuple[OperatingPoint, ...], Field(min_length=1)]
    different_below: float
    false_matches: ErrorCurve
    bounds: Bounds
    warned: Warned = False
    false_non_matches: MaybeCurve = None


@dataclass(frozen=True, slots=True, config=STRICT)
class Otherwise(Value):
    """What the answer would be if a different person were one of another population."""

    decision: Decided
    probability: float
    log10_likelihood_ratio: float


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Judgement(Value):
    """What follows from the logit of a pair."""

    decision: Decided
    """At the operating point; it does not depend on the prior."""
    reason: Why | None
    """Why the decision is "uncertain"; null where it is not."""
    probability: float
    """That both photos show the same person, calibrated, given the prior; 0 to 1."""
    prior: float
    """How probable "same" was beforehand."""
    comparisons: Annotated[int, Field(ge=1)]
    """How many pairs of faces this one is the most alike of. At most one of them is the pair that
    was asked about, so the odds beforehand were divided by this."""
    false_match_rate: float | None
    """How often the most alike of so many pairs of different people is called the same; null where
    it was not measured."""
    log10_likelihood_ratio: float
    """How much more probable photos as alike as these are of the same person than of two different
    people: the decimal logarithm of that ratio, within its bounds."""
    support: Support
    """The likelihood ratio in words: for "same" where its logarithm is above 0, for "different"
    where it is below."""
    likelihood_ratio_bounds: Bounds | None
    """Null where none were fitted."""
    logit: float
    """Natural logarithm of the likelihood ratio before it is bounded."""
    different_people_as_similar: CountedRate | None
    """How often random different people look at least this similar; null where not measured."""
    same_person_as_unlike: CountedRate | None
    """How often two photos of one person look at most this similar; null where not measured."""
    population: Named
    """Who different people are taken to be: likelihood ratio, thresholds and rates hold for two of
    these. Nobody's sex, age or origin is guessed; whoever asks names the population."""
    warned: bool
    """Whether a photo bears a warning that it tells little of who it shows, and likelihood ratio,
    thresholds and rates are those of such pairs."""
    false_matches_among: dict[str, CountedRate]
    """How often two different people of each other population are called the same at this setting,
    where that was counted."""
    operating_point: OperatingPoint

    @property
    def prior_of_pair(self) -> float:
        """How probable "same" was beforehand for this pair among all that were compared."""
        return self.prior / (self.prior + self.comparisons * (1 - self.prior))


@dataclass(frozen=True, slots=True, config=STRICT)
class DecisionRule(Value):
    """How a checkpoint decides; fitted on people it was not trained on.

    `different_below` is the logit under which 1 % of genuine pairs lie. `support_scales[k]` is the
    affine correction (scale, offset) of the logit of an identity with k + 1 support photos, the
    last one for that many and more. `false_matches` and `false_non_matches` are None where they
    were never measured, `bounds` where none were fitted: likelihood ratios are then unbounded. All
    this holds for `population`, and for photos that are `warned` of or not; `populations` are the
    others that can be named, and all of them with photos that are warned of, see `among`. `joins`
    turns the mean logit between two groups of photos into the logit that they show one person:
    (scale, offset), see `grouping`.
    """

    operating_points: Annotated[tuple[OperatingPoint, ...], Field(min_length=1)]
    different_below: float
    support_scales: Annotated[tuple[tuple[float, float], ...], Field(min_length=1)] = ((1.0, 0.0),)
    false_matches: MaybeCurve = None
    bounds: Annotated[Bounds | None, Field(exclude_if=lambda it: it is None)] = None
    populations: Annotated[tuple[Population, ...], Field(exclude_if=lambda it: not it)] = ()
    population: Annotated[Named, Field(exclude_if=lambda it: it == ANYBODY)] = "anybody"
    warned: Warned = False
    joins: Annotated[tuple[float, float], Field(exclude_if=lambda it: it == JOINS)] = JOINS
    false_non_matches: MaybeCurve = None

    def among(self, name: str, warned: bool = False) -> "DecisionRule":
        """The rule where a different person would be one of this population.

        Of a rule for anybody. Its logits are what `pair_logit` and `identity_logit` make of the
        network's. `warned` is for pairs with a photo that tells little; a checkpoint that knows no
        rule for those has one for all. Raises InputError where nothing was counted for that name.
        """
        if name not in self.names:
            known = ", ".join(self.names)
            raise InputError(f"Unknown population '{name}'; this checkpoint has {known}.")
        wanted = [other for other in self.populations if other.name == name]
        own = next((other for other in wanted if other.warned == warned), None)
        if own is None:
            return self.among(name) if warned else self
        return DecisionRule(
            own.operating_points,
            own.different_below,
            tuple((own.scale * a, own.scale * b + own.offset) for a, b in self.support_scales),
            own.false_matches,
            own.bounds,
            self.populations,
            own.name,
            own.warned,
            self.joins,
            own.false_non_matches,
        )

    @property
    def names(self) -> list[str]:
        """The populations that can be named."""
        return [ANYBODY, *(other.name for other in self.populations if not other.warned)]

    @property
    def default(self) -> OperatingPoint:
        """The careful operating point; the first one where a checkpoint has none of that name."""
        careful = [point for point in self.operating_points if point.name == CAREFUL]
        return (*careful, *self.operating_points)[0]

    def point(self, name: str | None = None) -> OperatingPoint:
        """The operating point of that name, or at that rate ("fmr=0.0005"); the default for None.

        Raises InputError where the name is unknown, or the rate is not one that was measured.
        """
        if name is None:
            return self.default
        if not isinstance(name, str):
            raise InputError(f"An operating point is given by its name, not as {name!r}.")
        if name.startswith(ASKED_RATE):
            return self._point_at(name)
        for point in self.operating_points:
            if point.name == OLD_NAMES.get(name, name):
                return point
        known = ", ".join(point.name for point in self.operating_points)
        raise InputError(f"Unknown operating point '{name}'; this checkpoint has {known}.")

    def _point_at(self, name: str) -> OperatingPoint:
        """The lowest threshold at which no more than that share of impostor pairs was matched.

        With photos that are `warned` of it is the nearest that was measured: whoever asks for a
        rate goes by those without, and cannot know of what there will be a warning.
        """
        curve = self.false_matches
        if curve is None:
            raise InputError(
                f"'{name}' cannot be set: false matches of this checkpoint have not been counted at"
                " other rates than those of its operating points."
            )
        # One error is the least that can be counted; nothing is the same at an LR below 1.
        fewest = min((errors for _, errors, *_ in curve.levels if errors), default=curve.trials)
        lowest, highest = fewest / curve.trials, curve.at(ABOVE_EVEN).value
        try:
            rate = float(name.removeprefix(ASKED_RATE))
        except ValueError:
            rate = math.nan
        rate *= 1 + TYPED  # one third is typed as 0.3333
        if self.warned and 0 < rate < 1:
            rate = min(rate, highest * (1 + TYPED))
        elif not lowest <= rate <= highest * (1 + TYPED) ** 2:
            raise InputError(
                f"'{name}' is not a false match rate that was measured of this checkpoint; give one"
                f" from {ASKED_RATE}{lowest:.4g} to {ASKED_RATE}{highest:.4g}."
            )
        levels = (level for level in curve.levels if level[1] <= rate * curve.trials)
        level = next(levels, curve.levels[-1])
        found = curve.at(level[0])
        fmr = Rate(found.errors, found.trials, found.low, found.high)
        return OperatingPoint(name, level[0], fmr, UNMEASURED, curve.measured_on)

    def judge(
        self, logit: float, point: OperatingPoint, prior: float = 0.5, comparisons: int = 1
    ) -> Judgement:
        """What follows from the logit of a pair: bounded likelihood ratio, probability, decision.

        `comparisons` is of how many pairs of faces this one is the most alike: at most one of them
        is the pair that was asked about, so the odds beforehand are divided by it, and as much more
        is asked for "same". Raises InputError unless 0 < prior < 1.
        """
        ratio = float(self.bounded(logit))
        decision = self.decide(logit, point, comparisons)
        uncertain = decision is Decision.UNCERTAIN
        return Judgement(
            decision=decision,
            reason=self._reason(logit, point) if uncertain else None,
            probability=probability(ratio - math.log(comparisons), prior),
            prior=float(prior),
            comparisons=comparisons,
            false_match_rate=self._false_match_rate(point, comparisons),
            log10_likelihood_ratio=ratio / LN10,
            support=Strength.of(ratio / LN10),
            likelihood_ratio_bounds=self.bounds,
            logit=logit,
            different_people_as_similar=self.similar(logit),
            same_person_as_unlike=self.unlike(logit),
            population=self.population,
            warned=self.warned,
            false_matches_among=self.false_matches_among(point),
            operating_point=point,
        )

    def bounded(self, logit: float | np.ndarray) -> np.ndarray:
        """Natural logarithms of likelihood ratios, no further from 0 than the bounds."""
        if self.bounds is None:
            return np.asarray(logit)
        low, high = self.bounds.log10_low, self.bounds.log10_high
        return np.asarray(np.clip(logit, low * LN10, high * LN10))

    def decide(self, logit: float, point: OperatingPoint, comparisons: int = 1) -> Decision:
        """Same from the upper one of `limits` on, different below the lower one, else uncertain."""
        different, same = self.limits(point, comparisons)
        if logit >= same:
            return Decision.SAME
        return Decision.DIFFERENT if logit < different else Decision.UNCERTAIN

    def limits(self, point: OperatingPoint, comparisons: int = 1) -> tuple[float, float]:
        """The logit below which a pair is called different, and that from which on it is the same.

        The 1 % FNMR logit, and the threshold of the operating point; but never "same" unless the
        bounded likelihood ratio is above 1, never "different" unless it is below: infinite where
        the bounds rule it out. The most alike of several pairs needs to be as much more alike.
        """
        searched = math.log(comparisons)
        different, same = min(self.different_below, 0.0), max(point.threshold, ABOVE_EVEN)
        if self.bounds is not None and self.bounds.log10_low == 0:
            different = -math.inf
        if self.bounds is not None and self.bounds.log10_high * LN10 <= searched:
            same = math.inf
        return different, same + searched

    def _reason(self, logit: float, point: OperatingPoint) -> Reason:
        """Why a pair is uncertain."""
        if logit >= self.limits(point)[1]:
            return Reason.SEARCHED
        if self.warned:
            return Reason.PHOTO
        decided = logit >= point.threshold or logit < self.different_below
        return Reason.WEAK if decided else Reason.BETWEEN

    def _false_match_rate(self, point: OperatingPoint, comparisons: int) -> float | None:
        """The chance that any of so many independent pairs of different people is called the same.

        1 - (1 - f)^k, where f is the rate of one pair at the limit for k pairs, or, where that was
        not measured, at the operating point, which is no lower.
        """
        if not point.fmr.trials:
            return None
        one = point.fmr.value
        if comparisons > 1 and self.false_matches is not None:
            one = min(one, self.false_matches.at(self.limits(point, comparisons)[1]).value)
        return 1 - (1 - one) ** comparisons

    def pick(
        self, logits: np.ndarray, point: OperatingPoint, none_prior: float = 0.5
    ) -> tuple[np.ndarray, float, int | None]:
        """Which of K identities a query shows, from their calibrated logits (K,).

        Returns the probabilities (K,) and that of "none of these", and the place of the identity
        that is named: one that is more probable than all other answers together, if a comparison
        with this one alone would be called the same at the operating point.
        """
        return _picked(
            logits, self.bounded(logits), none_prior, lambda best, logit: self.decide(logit, point)
        )

    def false_matches_among(self, point: OperatingPoint) -> dict[str, CountedRate]:
        """How often two people of each other population are called the same at a point of this."""
        scale, offset = self.support_scales[0]
        limit = (self.limits(point)[1] - offset) / scale
        return {
            other.name: other.false_matches.at(other.scale * limit + other.offset)
            for other in self.populations
            if other.warned == self.warned and other.name not in (self.population, ANYBODY)
        }

    def otherwise(self, logit: float, judged: Judgement) -> dict[str, Otherwise]:
        """What a pair of this logit of the network would be called in the other populations.

        Of a rule for anybody. `judged` is what is said of the pair; those that have no setting of
        the same name, or no rule for photos like these, are left out.
        """
        found: dict[str, Otherwise] = {}
        for name in self.names:
            rule = self.among(name, judged.warned)
            if name in (ANYBODY, judged.population) or rule.warned != judged.warned:
                continue
            with suppress(InputError):  # a rate that was not measured there
                point = rule.point(judged.operating_point.name)
                own = float(rule.pair_logit(np.asarray(logit)))
                said = rule.judge(own, point, judged.prior, judged.comparisons)
                found[name] = Otherwise(
                    said.decision, said.probability, said.log10_likelihood_ratio
                )
        return found

    def similar(self, logit: float) -> CountedRate | None:
        """How often different people look at least this similar; None where it is not known."""
        return None if self.false_matches is None else self.false_matches.at(logit)

    def unlike(self, logit: float) -> CountedRate | None:
        """How often photos of one person look at most this similar; None where it is not known."""
        return None if self.false_non_matches is None else self.false_non_matches.at(-logit)

    def pair_logit(self, logit: np.ndarray) -> np.ndarray:
        """Calibrated logits of pairs of photos from those of the network, of any shape."""
        scale, offset = self.support_scales[0]
        return scale * logit + offset

    def identity_logit(self, logit: np.ndarray, num_photos: np.ndarray) -> np.ndarray:
        """Calibrated logits of identities from raw ones and their numbers of photos, both (K,)."""
        table = np.asarray(self.support_scales, dtype=np.float64)
        place = np.minimum(num_photos, len(table)) - 1
        return table[:, 0][place] * logit + table[:, 1][place]


class Rules(NamedTuple):
    """How a query is judged against each of K people of a gallery.

    By the rule for photos that are `warned` of where the query tells `little`, or all photos of
    that person do, else by the `ordinary` one; at these operating points of both, in that order.
    """

    ordinary: DecisionRule
    warned: DecisionRule
    little: np.ndarray  # bool (K,)
    points: tuple[OperatingPoint, OperatingPoint]

    def of(self, place: int) -> DecisionRule:
        """The rule for one of them."""
        return self.warned if self.little[place] else self.ordinary

    def identity_logit(self, logit: np.ndarray, num_photos: np.ndarray) -> np.ndarray:
        """As `DecisionRule.identity_logit`, of all of them."""
        return self._each(lambda rule: rule.identity_logit(logit, num_photos))

    def bounded(self, logit: np.ndarray) -> np.ndarray:
        """As `DecisionRule.bounded`, of all of them."""
        return self._each(lambda rule: rule.bounded(logit))

    def decide(self, place: int, logit: float) -> Decision:
        """What is said of the query and one of them, whose calibrated logit that is."""
        return self.of(place).decide(logit, self.point(place))

    def point(self, place: int) -> OperatingPoint:
        """The operating point at which one of them is decided."""
        return self.points[bool(self.little[place])]

    def pick(
        self, logits: np.ndarray, none_prior: float = 0.5
    ) -> tuple[np.ndarray, float, int | None]:
        """As `DecisionRule.pick`."""
        return _picked(logits, self.bounded(logits), none_prior, self.decide)

    def _each(self, of: Callable[[DecisionRule], np.ndarray]) -> np.ndarray:
        if not self.little.any():
            return of(self.ordinary)
        return np.where(self.little, of(self.warned), of(self.ordinary))


def _picked(
    logits: np.ndarray,
    bounded: np.ndarray,
    none_prior: float,
    decide: Callable[[int, float], Decision],
) -> tuple[np.ndarray, float, int | None]:
    """See `DecisionRule.pick`; `decide` tells of the one at a place, with that logit."""
    shares, none = pick_probabilities(bounded, none_prior)
    best = int(np.argmax(ranked(bounded, logits)))
    same = decide(best, float(logits[best])) is Decision.SAME
    return shares, none, best if same and shares[best] > 0.5 else None


def ranked(bounded: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """What puts people in order: their bounded logits, or, where those are equal, what they were.

    Several people may lie beyond a bound, and not all of them have the same bounds.
    """
    return bounded + TIE * logits


def probability(logit: float, prior: float = 0.5) -> float:
    """The probability of "same" for a logit calibrated at a prior of one half (Bayes' rule).

    Raises InputError unless 0 < prior < 1.
    """
    check_prior(prior)
    shifted = logit + np.log(prior) - np.log1p(-prior)
    return float(np.exp(-np.logaddexp(0.0, -shifted)))


def pick_probabilities(logits: np.ndarray, none_prior: float = 0.5) -> tuple[np.ndarray, float]:
    """The probabilities of K identities and of "none of these", for one query.

    `logits` are the calibrated logits (K,) of each identity against the query, that is logs of the
    likelihood ratio "this identity" against "a stranger". The query matches at most one identity;
    beforehand each has (1 - none_prior) / K. Returns ((K,), none), which sum to 1.
    """
    shares = shares_of(pick_weights(logits, none_prior))
    return shares[:-1], float(shares[-1])


def pick_weights(logits: np.ndarray, none_prior: float = 0.5) -> np.ndarray:
    """The logarithms of the weights of K identities, then of none: logits (..., K) -> (..., K + 1).

    Raises InputError unless 0 < none_prior < 1.
    """
    check_prior(none_prior)
    weights = np.log1p(-none_prior) - np.log(logits.shape[-1]) + logits
    none = np.full((*logits.shape[:-1], 1), np.log(none_prior))
    return np.concatenate([weights, none], axis=-1)


def shares_of(weights: np.ndarray) -> np.ndarray:
    """Probabilities that are to each other as the weights of these logarithms, (K,)."""
    shares = np.exp(weights - weights.max())
    return np.asarray(shares / shares.sum())


def check_prior(prior: float) -> None:
    """Raise InputError unless `prior` is a probability strictly between 0 and 1."""
    if isinstance(prior, bool) or not isinstance(prior, (int, float, np.number)):
        raise InputError(f"The prior must be a number between 0 and 1, not {prior!r}.")
    if not 0.0 < prior < 1.0:
        raise InputError(f"The prior must lie between 0 and 1, both excluded; it is {prior}.")
