"""Logit -> probability, decision and pick, against the textbook formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.calibration import (
    Decision,
    DecisionRule,
    FalseMatchCurve,
    OperatingPoint,
    Rate,
    pick_probabilities,
    probability,
)
from siamese.errors import InputError

RATE = Rate(30, 3000, 0.0068, 0.0142)
BALANCED = OperatingPoint("balanced", 1.0, RATE, RATE, "nothing")
STRICT = OperatingPoint("fmr_0_1", 4.0, RATE, RATE, "nothing")
RULE = DecisionRule((BALANCED, STRICT), -2.0, ((1.0, 0.0), (2.0, 1.0), (3.0, 5.0)))

logits = st.floats(-500, 500)
priors = st.floats(1e-6, 1 - 1e-6)


@given(logits, priors)
def test_the_prior_multiplies_the_odds(logit: float, prior: float) -> None:
    found = probability(logit, prior)
    assert 0.0 <= found <= 1.0
    if abs(logit) < 20 and 1e-3 < prior < 1 - 1e-3:
        odds = math.exp(logit) * prior / (1 - prior)
        assert found == pytest.approx(odds / (1 + odds), rel=1e-9)


def test_half_a_prior_is_the_plain_sigmoid() -> None:
    assert probability(0.0) == 0.5
    assert probability(3.0) == pytest.approx(1 / (1 + math.exp(-3.0)))
    assert probability(-1000.0) == 0.0 and probability(1000.0) == 1.0


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_prior_that_is_none_is_refused(prior: float) -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        probability(0.0, prior)
    with pytest.raises(InputError, match="between 0 and 1"):
        pick_probabilities(np.zeros(2), prior)


@pytest.mark.parametrize(
    ("logit", "expected"),
    [
        (1.0, Decision.SAME),
        (math.nextafter(1.0, 0), Decision.UNCERTAIN),
        (-2.0, Decision.UNCERTAIN),
        (math.nextafter(-2.0, -3), Decision.DIFFERENT),
    ],
)
def test_decisions_at_and_beside_both_thresholds(logit: float, expected: Decision) -> None:
    assert RULE.decide(logit, BALANCED) is expected


def test_no_band_where_the_thresholds_cross() -> None:
    crossed = DecisionRule((BALANCED,), different_below=2.0)
    assert crossed.decide(1.5, BALANCED) is Decision.SAME
    assert crossed.decide(0.5, BALANCED) is Decision.DIFFERENT


def test_operating_points_are_found_by_name() -> None:
    assert RULE.point() is BALANCED and RULE.point("fmr_0_1") is STRICT
    with pytest.raises(InputError, match="balanced, fmr_0_1"):
        RULE.point("loose")


def test_support_photos_are_calibrated_by_their_number() -> None:
    found = RULE.identity_logit(np.array([1.0, 1.0, 1.0, 1.0]), np.array([1, 2, 3, 9]))
    assert found.tolist() == [1.0, 3.0, 8.0, 8.0]


@given(st.lists(logits, min_size=1, max_size=20), priors)
def test_a_pick_is_a_distribution(found: list[float], none_prior: float) -> None:
    shares, none = pick_probabilities(np.array(found), none_prior)
    assert shares.sum() + none == pytest.approx(1.0)
    assert np.argmax(shares) == np.argmax(found) or shares.max() == pytest.approx(
        shares[np.argmax(found)]
    )


def test_a_pick_follows_the_written_formula() -> None:
    """Weight of k = (1 - p0) / K * exp(l_k), weight of none = p0, normalised."""
    found, none_prior = [2.0, -1.0, 0.5], 0.3
    weights = [(1 - none_prior) / 3 * math.exp(logit) for logit in found]
    total = sum(weights) + none_prior
    shares, none = pick_probabilities(np.array(found), none_prior)
    np.testing.assert_allclose(shares, [weight / total for weight in weights])
    assert none == pytest.approx(none_prior / total)


def test_one_identity_and_an_even_prior_is_a_verification() -> None:
    shares, _ = pick_probabilities(np.array([1.7]), 0.5)
    assert shares[0] == pytest.approx(probability(1.7))


def test_how_often_different_people_look_as_similar() -> None:
    levels = ((-3.0, 100, 0.96, 1.0), (0.0, 20, 0.13, 0.29), (2.0, 0, 0.0, 0.04))
    rule = DecisionRule((BALANCED,), -2.0, false_matches=FalseMatchCurve("toys", 100, levels))

    def errors(logit: float) -> int:
        found = rule.similar(logit)
        assert found is not None and found.measured_on == "toys"
        return found.errors

    at = {-9.0: 100, -3.0: 100, -0.001: 100, 0.0: 20, 1.9: 20, 2.0: 0, 50.0: 0}
    assert {logit: errors(logit) for logit in at} == at
    assert RULE.similar(0.0) is None
