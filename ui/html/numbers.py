"""Numbers as the page shows them, in the language of the visit, and places on the scale.

How many digits are told of a number is the same in all languages: what `siamese.numbers` says.
"""

import math

from siamese import numbers
from siamese.calibration import Rate, probability
from ui import words
from ui.languages import measured, numeral

# The scale shows log-odds, on which the evidence adds up, from 1 in 1,000 to 999 in 1,000.
SCALE_END = math.log(999)
TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)


def percent(share: float) -> str:
    """A probability 0..1 in per cent; never 0 and never 100."""
    return measured(numbers.percent(share))


def rate(value: float) -> str:
    """An error rate 0..1 in per cent."""
    return measured(numbers.rate(value))


def exact(share: float) -> str:
    """A probability that was chosen, not computed, in per cent."""
    return measured(numbers.exact(share))


def factor(value: float) -> str:
    """By how much odds change, at least 1."""
    return measured(numbers.factor(value))


def log10(value: float) -> str:
    """A decimal logarithm, with its sign and two decimals."""
    return ("-" if value < 0 else "+") + numeral(f"{abs(value):.2f}")


def count(value: float) -> str:
    """A whole number."""
    return numeral(f"{value:,.0f}")


def from_percent(value: float) -> float:
    """A probability 0..1 from one in per cent, free of the noise of the division: 1.1 is 0.011."""
    return round(value / 100, 6)


def points(share: float) -> str:
    """A difference of two probabilities, 0..1, in percentage points; never 0 and never 100."""
    if share < 0.01:
        return words.UNDER.format(number=count(1))
    return words.OVER.format(number=count(99)) if share > 0.99 else count(100 * share)


def times(log10: float) -> str:
    """A ratio above 1, or the reciprocal of one below, from its decimal logarithm: two digits."""
    value = 10 ** min(abs(log10), 6.0)
    if abs(log10) > 6:
        return words.OVER.format(number=count(value))
    return numeral(f"{value:.1f}") if value < 9.95 else count(float(f"{value:.2g}"))


def per_thousand(share: float) -> str:
    """How many in 1,000, in words: "about 12", "fewer than 1"."""
    found = 1000 * share
    if found < 1:
        return words.FEWER_THAN.format(number=count(1))
    if found > 999:
        return words.MORE_THAN.format(number=count(999))
    return words.ABOUT_SO_MANY.format(number=count(found))


def one_in(share: float) -> tuple[str, str]:
    """A share above 0 as "1 in 300", or as so many in 10 where it is large; rounded for reading."""
    if share > 0.15:
        return count(10 * share), count(10)
    many = 1 / share
    unit = 10.0 ** (math.floor(math.log10(many)) - 1)
    step = unit * (5 if many >= 20 else 1)
    return count(1), count(step * round(many / step))


def interval(found: Rate) -> tuple[str, str]:
    """Both ends of the 95 % interval of a rate, in per cent."""
    return rate(found.low), rate(found.high)


def position(logit: float) -> float:
    """Where a logit lies on the scale, in per cent of its width; beyond the ends, at the end."""
    share = (logit + SCALE_END) / (2 * SCALE_END)
    return round(100 * min(1.0, max(0.0, share)), 2)


def even(prior: float) -> float:
    """The logit at which "same" is as probable as "different", given this prior."""
    return math.log((1 - prior) / prior)


def ticks(prior: float) -> list[tuple[float, str]]:
    """Positions on the scale (per cent) and the probabilities that they stand for at this prior.

    The evidence has a fixed place; which probability belongs to it depends on the prior.
    """
    shift = even(prior)
    found = []
    for share in TICKS:
        logit = math.log(share / (1 - share)) + shift
        if abs(logit) <= SCALE_END + 1e-9:
            found.append((position(logit), exact(share)))
    return found


def at_prior(logit: float, prior: float) -> str:
    """The probability that belongs to a logit at a prior, in per cent."""
    return percent(probability(logit, prior))
