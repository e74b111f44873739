"""Metrics against slow loops, known answers and symmetries.

pytest tests/evaluation/test_metrics.py
"""

import math

import numpy as np
import pytest
from lir import metrics as lir_metrics
from lir.data.models import LLRData
from lir.plotting.expected_calibration_error import calculate_ece
from scipy.stats import binom

from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.metrics import Scores


def draw(seed: int, genuine: int = 60, impostor: int = 90, decimals: int = 1) -> Scores:
    """Overlapping scores, rounded so that there are ties within and between the two kinds."""
    random = np.random.default_rng(seed)
    return Scores(
        random.normal(1.5, 1, genuine).round(decimals),
        random.normal(0, 1, impostor).round(decimals),
    )


@pytest.mark.parametrize("seed", range(5))
def test_auc_is_the_share_of_ordered_pairs(seed: int) -> None:
    scores = draw(seed)
    wins = sum(
        1.0 if g > i else 0.5 if g == i else 0.0 for g in scores.genuine for i in scores.impostor
    )
    assert metrics.auc(scores) == pytest.approx(wins / 60 / 90)


@pytest.mark.parametrize("seed", range(5))
def test_curve_counts_at_every_threshold(seed: int) -> None:
    scores = draw(seed)
    found = metrics.curve(scores)
    for threshold, fmr, fnmr in zip(found.thresholds, found.fmr, found.fnmr, strict=True):
        assert fmr == pytest.approx(np.mean([s >= threshold for s in scores.impostor]))
        assert fnmr == pytest.approx(np.mean([s < threshold for s in scores.genuine]))
    assert (found.fmr[0], found.fnmr[0]) == (0, 1)
    assert (found.fmr[-1], found.fnmr[-1]) == (1, 0)


def test_perfect_and_constant_scorers() -> None:
    perfect = Scores(np.array([2.0, 3.0]), np.array([0.0, 1.0]))
    assert metrics.auc(perfect) == 1
    assert metrics.equal_error_rate(perfect) == 0
    assert 1 < metrics.threshold_at_eer(perfect) <= 2
    assert metrics.tar_at_far(perfect, 0.001).tar.value == 1
    constant = Scores(np.ones(4), np.ones(6))
    assert metrics.auc(constant) == 0.5
    assert metrics.equal_error_rate(constant) == pytest.approx(0.5)
    assert metrics.tar_at_far(constant, 0.1).tar.value == 0


def test_equal_error_rate_of_two_normals() -> None:
    """Two unit normals d apart cross at d / 2, where both rates are Phi(-d / 2)."""
    random = np.random.default_rng(0)
    scores = Scores(random.normal(2, 1, 200_000), random.normal(0, 1, 200_000))
    expected = 0.5 * math.erfc(1 / math.sqrt(2))
    assert metrics.equal_error_rate(scores) == pytest.approx(expected, abs=2e-3)
    assert metrics.threshold_at_eer(scores) == pytest.approx(1, abs=0.02)


def test_equal_error_rate_does_not_change_when_kinds_are_mirrored() -> None:
    scores = draw(3, decimals=6)
    mirrored = Scores(-scores.impostor, -scores.genuine)
    assert metrics.equal_error_rate(mirrored) == pytest.approx(metrics.equal_error_rate(scores))


@pytest.mark.parametrize("target", [0.0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_threshold_at_fmr_is_the_lowest_that_keeps_the_promise(seed: int, target: float) -> None:
    impostor = draw(seed).impostor
    found = metrics.threshold_at_fmr(impostor, target)
    assert metrics.false_match_rate(impostor, found).value <= target
    lower = impostor[impostor < found].max()
    assert metrics.false_match_rate(impostor, lower).value > target


@pytest.mark.parametrize("target", [0.0, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_threshold_at_fnmr_is_the_highest_that_keeps_the_promise(seed: int, target: float) -> None:
    genuine = draw(seed).genuine
    found = metrics.threshold_at_fnmr(genuine, target)
    assert metrics.false_non_match_rate(genuine, found).value <= target
    above = np.nextafter(found, np.inf)
    assert metrics.false_non_match_rate(genuine, above).value > target


@pytest.mark.parametrize("seed", range(4))
def test_threshold_at_eer_is_the_best_of_all(seed: int) -> None:
    scores = draw(seed)

    def gap(threshold: float) -> float:
        fmr = metrics.false_match_rate(scores.impostor, threshold).value
        return abs(fmr - metrics.false_non_match_rate(scores.genuine, threshold).value)

    least = min(gap(t) for t in np.linspace(-4, 5, 2001))
    assert gap(metrics.threshold_at_eer(scores)) == pytest.approx(least)


@pytest.mark.parametrize("target", [0.1, 0.01])
def test_tar_at_far_by_trying_all_thresholds(target: float) -> None:
    scores = draw(1, 200, 300)
    best = max(
        np.mean(scores.genuine >= t)
        for t in np.append(scores.impostor + 1e-6, 99)
        if np.mean(scores.impostor >= t) <= target
    )
    found = metrics.tar_at_far(scores, target)
    assert found.tar.value == pytest.approx(best)
    assert found.impostor_pairs == 300


@pytest.mark.parametrize(("errors", "trials"), [(0, 30), (3, 3000), (7, 10), (10, 10)])
def test_interval_ends_leave_two_and_a_half_percent_in_each_tail(errors: int, trials: int) -> None:
    """The definition of Clopper and Pearson, by the binomial distribution itself."""
    found = metrics.rate(errors, trials)
    assert found.value == errors / trials
    assert found.low <= found.value <= found.high
    if errors:
        assert binom.sf(errors - 1, trials, found.low) == pytest.approx(0.025)
    if errors < trials:
        assert binom.cdf(errors, trials, found.high) == pytest.approx(0.025)


def test_interval_covers_the_truth_often_enough() -> None:
    errors = np.random.default_rng(0).binomial(50, 0.1, 2000)
    intervals = {e: metrics.rate(int(e), 50) for e in np.unique(errors)}
    assert np.mean([intervals[e].low <= 0.1 <= intervals[e].high for e in errors]) >= 0.95


def test_impossible_rates_are_refused() -> None:
    assert (metrics.rate(0, 0).low, metrics.rate(0, 0).high) == (0, 1)
    with pytest.raises(InputError, match="not a rate"):
        metrics.rate(3, 2)
    with pytest.raises(InputError, match="genuine"):
        Scores(np.array([]), np.array([1.0]))
    with pytest.raises(InputError, match="finite"):
        Scores(np.array([np.nan]), np.array([1.0]))


def test_trials_of_one_person_are_no_more_than_the_person() -> None:
    """A hundred answers about each of 20 people, all right or all wrong, are 20 trials."""
    right = np.repeat(np.arange(20) < 15, 100)
    found = metrics.clustered_rate(right, np.repeat(np.arange(20), 100).tolist())
    few, many = metrics.rate(15, 20), metrics.rate(1500, 2000)
    assert (found.errors, found.trials) == (1500, 2000)
    assert found.low < 0.6 < many.low and many.high < 0.87 < found.high
    assert found.low == pytest.approx(few.low, abs=0.1)


def test_trials_of_their_own_keep_the_exact_interval() -> None:
    hits = np.random.default_rng(0).random(300) < 0.02
    found, exact = metrics.clustered_rate(hits, range(300)), metrics.rate(int(hits.sum()), 300)
    assert found.low <= exact.low and exact.high <= found.high
    assert found.high - found.low < 1.1 * (exact.high - exact.low)
    assert metrics.clustered_rate(np.zeros(0, bool), []) == metrics.rate(0, 0)


def test_calibration_error_by_slow_bins() -> None:
    random = np.random.default_rng(0)
    predicted = np.sort(random.uniform(size=150))
    same = random.uniform(size=150) < predicted**2
    slow = sum(
        abs(predicted[i : i + 10].mean() - same[i : i + 10].mean()) * 10 / 150
        for i in range(0, 150, 10)
    )
    shuffle = random.permutation(150)
    found = metrics.calibration_error(predicted[shuffle], same[shuffle])
    assert found.ece == pytest.approx(slow)
    assert [item.count for item in found.bins] == [10] * 15


def test_honest_probabilities_have_little_calibration_error() -> None:
    random = np.random.default_rng(1)
    predicted = random.uniform(size=100_000)
    same = random.uniform(size=100_000) < predicted
    assert metrics.calibration_error(predicted, same).ece < 0.006
    assert metrics.calibration_error(predicted**2, same).ece > 0.1


def test_what_chance_makes_of_true_probabilities() -> None:
    """A bin of 50 pairs at one half is off by sqrt(2 / pi / 200) on average; a sure one never."""
    predicted = np.concatenate([np.full(50, 0.5), np.ones(50)])
    found = metrics.calibration_error(predicted, np.ones(100, bool))
    assert found.ece == 0.25
    assert found.by_chance == pytest.approx(0.5 * np.sqrt(2 / np.pi / 200), rel=0.1)

    random = np.random.default_rng(3)
    predicted = random.uniform(size=3000)
    drawn = random.uniform(size=(20, 3000)) < predicted
    seen = [metrics.calibration_error(predicted, same).ece for same in drawn]
    assert np.mean(seen) == pytest.approx(found_by_chance(predicted), rel=0.15)


def found_by_chance(predicted: np.ndarray) -> float:
    return metrics.calibration_error(predicted, np.zeros(len(predicted), bool)).by_chance


def test_a_constant_probability_is_one_bin_in_whatever_order() -> None:
    """Bins cut through ties once made a constant one half look wrong by one half."""
    same = np.repeat([True, False], 50)
    found = metrics.calibration_error(np.full(100, 0.5), same)
    assert (found.ece, len(found.bins)) == (0, 1)


def test_calibration_error_within_a_range_counts_only_it() -> None:
    predicted = np.array([0.01, 0.5, 0.5, 0.99])
    same = np.array([True, True, False, False])
    found = metrics.calibration_error(predicted, same, within=(0.05, 0.95))
    assert (found.count, found.ece) == (2, 0)
    assert metrics.calibration_error(predicted[:1], same[:1], within=(0.4, 0.6)).count == 0


def test_probability_report_by_definition() -> None:
    scores = draw(2)
    probabilities, same = metrics.sigmoid(scores.labelled()[0]), scores.labelled()[1]
    found = metrics.probability_report(scores)
    assert found["brier"] == pytest.approx(np.mean((probabilities - same) ** 2))
    likelihood = np.where(same, probabilities, 1 - probabilities)
    assert found["log_loss"] == pytest.approx(-np.mean(np.log(likelihood)))
    constant = metrics.probability_report(Scores(np.zeros(5), np.zeros(5)))
    assert constant["brier"] == pytest.approx(constant["brier_constant"])
    assert constant["log_loss"] == pytest.approx(constant["log_loss_constant"])


def test_sigmoid_of_huge_logits() -> None:
    assert metrics.sigmoid(np.array([-1e4, 0, 1e4])).tolist() == [0, 0.5, 1]


def test_scores_from_labels_leave_out_what_has_no_score() -> None:
    scores = Scores.from_labels(
        np.array([1.0, np.nan, 3.0, 4.0]), np.array([True, True, False, True])
    )
    assert scores.genuine.tolist() == [1, 4]
    assert scores.impostor.tolist() == [3]


@pytest.mark.parametrize("case", range(6))
def test_likelihood_ratios_are_judged_as_forensic_scientists_do(case: int) -> None:
    """Equal to the package of the Netherlands Forensic Institute; ties and separable kinds too."""
    random = np.random.default_rng(case)
    genuine, impostor = random.normal(2, 2, 40 + case), random.normal(-2, 3, 300)
    if case == 4:
        genuine, impostor = np.round(genuine), np.round(impostor)
    if case == 5:
        impostor = impostor - impostor.max() + genuine.min() - 1
    scores = Scores(genuine, impostor)
    values, same = scores.labelled()
    theirs = LLRData(features=values / np.log(10), labels=same.astype(int))  # to base 10
    found = metrics.likelihood_report(scores)
    assert found["cllr"] == pytest.approx(lir_metrics.cllr(theirs), abs=1e-6)
    assert found["cllr_min"] == pytest.approx(lir_metrics.cllr_min(theirs), abs=1e-6)
    assert found["cllr_calibration_loss"] == pytest.approx(lir_metrics.cllr_cal(theirs), abs=1e-6)
    priors = np.array([0.01, 0.3, 0.5, 0.9])
    expected = calculate_ece(np.exp(values), same.astype(int), priors)
    odds = np.log(priors / (1 - priors))
    bits = [metrics.cross_entropy(genuine, impostor, prior) for prior in odds]
    np.testing.assert_allclose(bits, expected, atol=1e-6)


def test_cllr_by_hand() -> None:
    """log2(1 + 1/3) of one genuine pair, log2(1 + 1/2) and log2(1 + 1) of two impostor pairs."""
    scores = Scores(np.log([3.0]), np.log([0.5, 1.0]))
    expected = (np.log2(4 / 3) + (np.log2(1.5) + 1) / 2) / 2
    assert metrics.cllr(scores) == pytest.approx(expected)
    assert metrics.cllr(Scores(np.zeros(3), np.zeros(5))) == pytest.approx(1)
    assert metrics.cllr(Scores(np.full(2, 800.0), np.full(2, -800.0))) == 0
