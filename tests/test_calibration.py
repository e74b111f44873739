"""Logit -> probability, decision and pick, against the textbook formulas."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.calibration import (
    LN10,
    Bounds,
    Decision,
    DecisionRule,
    ErrorCurve,
    OperatingPoint,
    Rate,
    Reason,
    Strength,
    pick_probabilities,
    probability,
)
from siamese.errors import InputError

RATE = Rate(30, 3000, 0.0068, 0.0142)
BALANCED = OperatingPoint("balanced", 1.0, RATE, RATE, "nothing")
STRICT = OperatingPoint("very_careful", 4.0, RATE, RATE, "nothing")
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
def test_an_impossible_prior_is_refused(prior: float) -> None:
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


def test_nothing_is_different_above_a_likelihood_ratio_of_1_or_the_same_below() -> None:
    loose = OperatingPoint("balanced", -1.0, RATE, RATE, "nothing")
    rule = DecisionRule((loose,), different_below=2.0)
    found = {logit: rule.judge(logit, loose) for logit in (-0.1, 0.0, 0.1)}
    assert [judged.decision for judged in found.values()] == ["different", "uncertain", "same"]
    assert found[0.0].reason is Reason.WEAK and found[0.0].support is Strength.NONE


def test_bounds_hold_what_is_claimed_and_move_no_decision_but_to_uncertain() -> None:
    bounded = replace(RULE, bounds=Bounds(-1.0, 3.0, 300, 9000))
    high, low = bounded.judge(40.0, STRICT), bounded.judge(-40.0, STRICT)
    assert (high.log10_likelihood_ratio, low.log10_likelihood_ratio) == pytest.approx((3.0, -1.0))
    assert (high.probability, low.probability) == pytest.approx((1000 / 1001, 1 / 11))
    assert (high.support, low.support) == (Strength.STRONG, Strength.MODERATE)
    assert (high.decision, low.decision, high.logit) == ("same", "different", 40.0)
    nothing = replace(RULE, bounds=Bounds(0.0, 0.0, 3, 9))
    for logit in (-40.0, 40.0):
        judged = nothing.judge(logit, STRICT)
        assert (judged.decision, judged.reason) == ("uncertain", "weak_evidence")
        assert (judged.probability, judged.support) == (0.5, Strength.NONE)


def test_without_bounds_everything_is_claimed_and_null_says_so() -> None:
    judged = RULE.judge(40.0, STRICT)
    assert judged.log10_likelihood_ratio == pytest.approx(40.0 / LN10)
    assert judged.to_dict()["likelihood_ratio_bounds"] is None


@pytest.mark.parametrize(
    ("ratio", "word"),
    [
        (1, "none"), (1.01, "weak"), (9.9, "weak"), (10, "moderate"), (99, "moderate"),
        (101, "moderately strong"), (1001, "strong"), (10_001, "very strong"),
        (999_000, "very strong"), (1_000_001, "extremely strong"), (1e30, "extremely strong"),
    ],
)  # fmt: skip
def test_the_verbal_scale_is_the_published_one(ratio: float, word: str) -> None:
    assert Strength.of(math.log10(ratio)) == Strength.of(-math.log10(ratio)) == word


def test_of_several_pairs_the_best_has_to_be_as_much_more_alike() -> None:
    """At most one of k pairs is the one asked about: its odds beforehand are divided by k."""
    asked = RULE.judge(5.0, STRICT, prior=0.3, comparisons=12)
    odds = math.exp(5.0) * 0.3 / 0.7 / 12
    assert asked.probability == pytest.approx(odds / (1 + odds))
    assert asked.prior_of_pair / (1 - asked.prior_of_pair) == pytest.approx(0.3 / 0.7 / 12)
    assert (asked.decision, asked.reason, asked.comparisons) == ("uncertain", "many_faces", 12)
    enough = 4.0 + math.log(12)
    assert RULE.judge(enough, STRICT, comparisons=12).decision == "same"
    assert RULE.judge(math.nextafter(enough, 0), STRICT, comparisons=12).decision == "uncertain"
    assert RULE.judge(5.0, STRICT).decision == "same"
    assert RULE.judge(-2.1, STRICT, comparisons=12).decision == "different"


def test_a_search_never_says_same_of_what_is_more_probably_not() -> None:
    bounded = replace(RULE, bounds=Bounds(-1.0, 1.0, 300, 9000))
    for pairs, decision in ((9, "same"), (10, "uncertain"), (99, "uncertain")):
        judged = bounded.judge(40.0, BALANCED, comparisons=pairs)
        assert judged.decision == decision and (judged.probability > 0.5) == (decision == "same")


def test_false_matches_among_several_pairs() -> None:
    """1 - (1 - f)^k, with f counted where the best of k pairs is called the same."""
    assert RULE.judge(0.0, STRICT).false_match_rate == pytest.approx(0.01)
    found = RULE.judge(0.0, STRICT, comparisons=3).false_match_rate
    assert found == pytest.approx(1 - 0.99**3), "no more is known without a curve"
    measured = replace(RULE, false_matches=CURVE).judge(0.0, BALANCED, comparisons=3)
    assert measured.false_match_rate == pytest.approx(1 - (1 - 30 / 3000) ** 3)
    unmeasured = replace(STRICT, fmr=Rate(0, 0, 0.0, 1.0))
    assert RULE.judge(0.0, unmeasured, comparisons=3).false_match_rate is None


def test_bounds_lie_on_either_side_of_1() -> None:
    for low, high in ((0.1, 1.0), (-1.0, -0.1)):
        with pytest.raises(ValueError, match="equal to 0"):
            Bounds(low, high, 1, 1)


def test_operating_points_are_found_by_name() -> None:
    assert RULE.point("balanced") is BALANCED and RULE.point("very_careful") is STRICT
    with pytest.raises(InputError, match="balanced, very_careful"):
        RULE.point("loose")


def test_careful_is_the_default_wherever_it_stands_and_older_names_are_known() -> None:
    careful = OperatingPoint("fmr_1", 2.0, RATE, RATE, "nothing")
    rule = DecisionRule((BALANCED, careful, STRICT), -2.0)
    assert careful.name == "careful"
    assert rule.point() is rule.point("careful") is rule.point("fmr_1") is careful
    assert rule.point("fmr_0_1") is STRICT
    assert RULE.point() is BALANCED, "the first one where none is called careful"


CURVE = ErrorCurve(
    "toys",
    3000,
    ((-4.0, 3000, 0.99, 1.0), (0.0, 150, 0.04, 0.06), (2.0, 30, 0.006, 0.02),
     (3.0, 1, 0.0, 0.002), (5.0, 0, 0.0, 0.002)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "threshold", "errors"),
    [("0.05", 0.0, 150), ("0.0499", 2.0, 30), ("1e-2", 2.0, 30), ("0.009", 3.0, 1),
     ("0.0003333", 3.0, 1)],
)  # fmt: skip
def test_a_false_match_rate_can_be_asked_for(asked: str, threshold: float, errors: int) -> None:
    """Never more false matches than that were counted at the threshold."""
    point = replace(RULE, false_matches=CURVE).point(f"fmr={asked}")
    assert (point.name, point.threshold, point.measured_on) == (f"fmr={asked}", threshold, "toys")
    assert (point.fmr.errors, point.fmr.trials) == (errors, 3000)
    assert point.fnmr.trials == 0, "it was not measured there"


@pytest.mark.parametrize("asked", ["0.06", "0.0003", "0", "-1", "1", "nan", "inf", "", "1 %"])
def test_a_rate_that_was_not_measured_is_refused(asked: str) -> None:
    with pytest.raises(InputError, match=r"give one from fmr=0\.0003333 to fmr=0\.05\.$"):
        replace(RULE, false_matches=CURVE).point(f"fmr={asked}")
    with pytest.raises(InputError, match="have not been counted"):
        RULE.point(f"fmr={asked}")


def test_no_warning_refuses_a_rate_that_was_measured_without() -> None:
    """Whoever asks cannot know of which photo there will be a warning."""
    warned = replace(RULE, false_matches=CURVE, warned=True)
    for asked, errors in (("0.2", 150), ("0.05", 150), ("0.01", 30), ("1e-9", 0)):
        assert warned.point(f"fmr={asked}").fmr.errors == errors
    for asked in ("0", "-1", "1", "nan", ""):
        with pytest.raises(InputError, match="is not a false match rate"):
            warned.point(f"fmr={asked}")


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
    rule = DecisionRule((BALANCED,), -2.0, false_matches=ErrorCurve("toys", 100, levels))

    def errors(logit: float) -> int:
        found = rule.similar(logit)
        assert found is not None and found.measured_on == "toys"
        return found.errors

    at = {-9.0: 100, -3.0: 100, -0.001: 100, 0.0: 20, 1.9: 20, 2.0: 0, 50.0: 0}
    assert {logit: errors(logit) for logit in at} == at
    assert RULE.similar(0.0) is None


def test_how_often_photos_of_one_person_look_as_unlike() -> None:
    """Counted from the other end: the lower the logit, the fewer."""
    levels = ((-4.0, 100, 0.96, 1.0), (0.0, 20, 0.13, 0.29), (2.0, 0, 0.0, 0.04))
    rule = DecisionRule((BALANCED,), -2.0, false_non_matches=ErrorCurve("toys", 100, levels))
    at = {9.0: 100, 4.0: 100, 0.001: 100, 0.0: 20, -1.9: 20, -2.0: 0, -50.0: 0}
    judged = {logit: rule.judge(logit, BALANCED).same_person_as_unlike for logit in at}
    assert {logit: found.errors for logit, found in judged.items() if found} == at
    assert RULE.judge(0.0, BALANCED).same_person_as_unlike is None
