"""Comparison, View 2 and operating points against slow loops and known answers.

pytest tests/evaluation/test_verification.py
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from siamese.calibration import Bounds, DecisionRule, OperatingPoint
from siamese.errors import InputError
from siamese.evaluation import metrics, verification
from siamese.evaluation.comparison import BLOCK, Comparison, Embeddings
from siamese.evaluation.folds import best_threshold, fold_accuracy
from siamese.evaluation.metrics import Scores
from siamese.evaluation.pair_lists import Pair, read_lfw_pairs
from siamese.network import NetworkConfig, Siamese
from tests.evaluation.toys import SIZE, comparison, people


def test_comparison_is_the_one_of_the_network() -> None:
    network = Siamese(NetworkConfig(embedding_size=SIZE)).eval()
    with torch.no_grad():
        network.head.weight.copy_(-torch.rand(1, SIZE))
        network.head.bias.fill_(3.5)
    vectors = people(4, 3)[0]
    expected = network.compare(torch.from_numpy(vectors[:6]), torch.from_numpy(vectors[6:]))
    found = Comparison.of(network)(vectors[:6], vectors[6:])
    np.testing.assert_allclose(found, expected.detach().numpy(), atol=1e-5)


def test_matrix_holds_all_pairs_and_nan_stays_nan() -> None:
    compare, (vectors, _) = comparison(), people(5, 2)
    vectors[3] = np.nan
    found = compare.matrix(vectors, vectors[:4])
    for column in range(4):
        other = np.broadcast_to(vectors[column], vectors.shape)
        np.testing.assert_allclose(found[:, column], compare(vectors, other), atol=1e-5)
    assert np.isnan(found[3]).all() and np.isnan(found[:, 3]).all()
    assert np.isfinite(found[0, 0])


@pytest.mark.parametrize("count", [0, 1, BLOCK, BLOCK + 1])
def test_comparison_in_blocks(count: int) -> None:
    rows = np.ones((count, SIZE), np.float32)
    assert comparison()(rows, rows).tolist() == [8.0] * count


def test_embeddings_know_their_failures() -> None:
    found = Embeddings(("a", "b"), np.array([[1.0, 2.0], [np.nan, np.nan]], np.float32))
    assert found.failures() == ["b"]
    assert found.rows(["b", "a", "b"]).tolist() == [1, 0, 1]
    with pytest.raises(KeyError):
        found.rows(["c"])


def test_lfw_pairs_are_read(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("2\t1\nA_B\t1\t4\nA_B\t1\tC\t12\nC\t2\t3\nC\t2\tA_B\t3\n")
    assert read_lfw_pairs(path) == [
        Pair("A_B/A_B_0001.jpg", "A_B/A_B_0004.jpg", True, 0),
        Pair("A_B/A_B_0001.jpg", "C/C_0012.jpg", False, 0),
        Pair("C/C_0002.jpg", "C/C_0003.jpg", True, 1),
        Pair("C/C_0002.jpg", "A_B/A_B_0003.jpg", False, 1),
    ]


@pytest.mark.parametrize("content", ["", "x\n", "2\t1\nA\t1\t4\n", "1\t1\nA\t1\t4\nA\t1\tfour\n"])
def test_a_broken_list_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=r"pairs\.txt"):
        read_lfw_pairs(path)


@pytest.mark.parametrize("seed", range(6))
def test_best_threshold_by_trying_all(seed: int) -> None:
    random = np.random.default_rng(seed)
    same = random.random(40) < 0.5
    scores = (random.normal(size=40) + same).round(1)
    tried = np.concatenate([np.unique(scores) - 1e-6, [99]])
    most = max(np.mean((scores >= t) == same) for t in tried)
    found = best_threshold(scores, same)
    assert np.mean((scores >= found) == same) == most


def test_fold_accuracy_by_hand() -> None:
    """Fold 1 is shifted upwards, so the threshold of fold 0 cuts it wrongly, and the reverse."""
    scores = np.array([1.0, 0.0, 11.0, 10.0])
    same = np.array([True, False, True, False])
    found = fold_accuracy(scores, same, np.array([0, 0, 1, 1]))
    assert found.thresholds == (10.5, 0.5)
    assert found.accuracies == (0.5, 0.5)
    assert found.standard_error == 0
    mixed = fold_accuracy(scores, same, np.array([0, 1, 0, 1]))
    assert mixed.failed_pairs == 0


def test_standard_error_is_that_of_the_mean() -> None:
    random = np.random.default_rng(0)
    same = np.tile([True, False], 500)
    folds = np.repeat(np.arange(10), 100)
    found = fold_accuracy(random.normal(size=1000) + 2 * same, same, folds)
    expected = np.std(found.accuracies, ddof=1) / np.sqrt(10)
    assert found.standard_error == pytest.approx(expected)
    assert found.accuracy == pytest.approx(np.mean(found.accuracies))
    assert 0.8 < found.accuracy < 0.9  # two unit normals two apart: 84 %


def test_pairs_without_a_face_are_errors_whatever_they_show() -> None:
    """A NaN is below every threshold, so an impostor pair once passed for rejected."""
    same = np.tile([True, False], 10)
    scores = np.where(same, 5.0, -5.0)
    folds = np.repeat([0, 1], 10)
    scores[[0, 1, 13]] = np.nan  # genuine, impostor; impostor
    found = fold_accuracy(scores, same, folds)
    assert found.accuracies == (0.8, 0.9)
    assert found.accuracy_scored == 1
    assert found.failed_pairs == 3
    pairs = [Pair("", "", bool(s), int(f)) for s, f in zip(same, folds, strict=True)]
    bounds = Bounds(log10_low=-1, log10_high=1, genuine_pairs=9, impostor_pairs=8)
    point = OperatingPoint("balanced", 0.0, metrics.rate(0, 1), metrics.rate(0, 1), "nothing")
    rule = DecisionRule((point,), -1.0, bounds=bounds)
    answers = verification.answered_each(rule, scores, np.zeros(len(scores), bool))
    report = verification.verification_report(scores, pairs, answers)
    # What is answered is no more than the bounds allow, a likelihood ratio of 10 or of 1/10.
    assert report["calibration"]["cllr"] == pytest.approx(np.log2(1.1))
    assert report["calibration"]["brier"] == pytest.approx((1 / 11) ** 2)
    assert report["failures"] == {"pairs": 3, "genuine": 1, "impostor": 2}
    assert report["accuracy"] == pytest.approx(0.85)
    assert report["genuine_pairs"] + report["impostor_pairs"] == 17


def test_no_pair_helps_to_choose_its_own_threshold() -> None:
    """Changing the labels of one fold must not move that fold's threshold."""
    random = np.random.default_rng(3)
    same, scores = random.random(100) < 0.5, random.normal(size=100)
    folds = np.repeat(np.arange(5), 20)
    before = fold_accuracy(scores, same, folds)
    flipped = np.where(folds == 2, ~same, same)
    after = fold_accuracy(scores, flipped, folds)
    assert after.thresholds[2] == before.thresholds[2]
    assert after.accuracies[2] == pytest.approx(1 - before.accuracies[2])


def test_measured_points_and_decisions() -> None:
    scores = Scores(np.array([-3.0, 0.0, 1.0, 2.0]), np.array([-4.0, -3.0, -1.0, 1.0]))
    point = verification.measured_point("balanced", 1.0, scores, "LFW")
    assert (point.fmr.errors, point.fmr.trials) == (1, 4)
    assert (point.fnmr.errors, point.fnmr.trials) == (2, 4)
    shares = verification.decisions_report(scores, DecisionRule((point,), -2.0))["balanced"]
    assert shares["genuine"] == {"same": 0.5, "uncertain": 0.25, "different": 0.25}
    assert shares["impostor"] == {"same": 0.25, "uncertain": 0.25, "different": 0.5}


@pytest.mark.parametrize("decimals", [1, 6])
def test_the_curve_of_false_matches_counts_right_and_never_too_few(decimals: int) -> None:
    """Against plain counts; with one decimal most scores are tied."""
    impostor = np.random.default_rng(7).normal(-4, 2, 3000).round(decimals)
    curve = verification.error_curve(impostor, "toys")
    assert len(curve.levels) < 150
    for logit, errors, low, high in curve.levels:
        assert errors == np.count_nonzero(impostor >= logit)
        found = metrics.rate(errors, 3000)
        assert (found.low, found.high) == (low, high)
    assert curve.levels[0][1] == 3000 and curve.levels[-1][1] == 0
    for logit in np.linspace(impostor.min() - 1, impostor.max() + 1, 500):
        true = np.count_nonzero(impostor >= logit)
        step = 200 if decimals == 1 else 1  # ties cannot be told apart
        assert true <= curve.at(float(logit)).errors <= max(true + step, 1.06 * true)
