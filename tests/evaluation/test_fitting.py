"""Calibration on made-up people and on scores whose truth is known.

pytest tests/evaluation/test_fitting.py
"""

import dataclasses

import numpy as np
import pytest
from lir.algorithms.bayeserror import elub
from scipy.optimize import minimize

from siamese.calibration import LN10
from siamese.data.collection import Collection
from siamese.data.pairs import GENUINE_PER_PERSON, IMPOSTOR_PAIRS, draw_pairs
from siamese.data.people import family
from siamese.data.split import fits
from siamese.data.targets import contradicted
from siamese.errors import InputError
from siamese.evaluation import fitting, metrics
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.cross_validation import cross_validate
from siamese.evaluation.fitting import SupportMethod
from siamese.evaluation.metrics import Scores
from tests.evaluation.toys import collection, comparison, people


def test_platt_recovers_a_known_map() -> None:
    """Unit normals at +-1 have the log likelihood ratio 2x, seen here through (logit - 1) / 3."""
    random = np.random.default_rng(0)
    scores = Scores(random.normal(1, 1, 100_000) / 6, random.normal(-1, 1, 300_000) / 6)
    shifted = Scores(scores.genuine + 5, scores.impostor + 5)
    found = fitting.fit_platt(shifted)
    assert found.scale == pytest.approx(12, rel=0.02)
    assert found.offset == pytest.approx(-60, rel=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_platt_by_a_plain_optimiser(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = Scores(random.normal(2, 1.5, 50), random.normal(-3, 2, 400))

    def loss(values: np.ndarray) -> float:
        scale, offset = values
        return float(
            np.mean(np.logaddexp(0, -(scale * scores.genuine + offset)))
            + np.mean(np.logaddexp(0, scale * scores.impostor + offset))
        )

    best = minimize(loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    found = fitting.fit_platt(scores)
    assert (found.scale, found.offset) == pytest.approx(tuple(best.x), abs=1e-4)


def test_platt_does_not_mind_how_many_impostors_there_are() -> None:
    random = np.random.default_rng(1)
    genuine, impostor = random.normal(2, 2, 300), random.normal(-2, 2, 300)
    one = fitting.fit_platt(Scores(genuine, impostor))
    many = fitting.fit_platt(Scores(genuine, np.tile(impostor, 20)))
    assert (one.scale, one.offset) == pytest.approx((many.scale, many.offset), abs=1e-6)


def test_fitted_logits_need_no_correction() -> None:
    random = np.random.default_rng(2)
    scores = Scores(random.normal(0, 2, 400), random.normal(-3, 2, 400))
    first = fitting.fit_platt(scores)
    corrected = Scores(*(first.scale * s + first.offset for s in (scores.genuine, scores.impostor)))
    second = fitting.fit_platt(corrected)
    assert (second.scale, second.offset) == pytest.approx((1, 0), abs=1e-6)


@pytest.mark.parametrize(
    ("genuine", "impostor", "why"),
    [([2, 3], [0, 1], "overlap"), ([0, 1, 2], [1, 2, 3], "train"), ([1, 1], [1, 1], "equal")],
)
def test_fits_of_nothing_are_refused(genuine: list[int], impostor: list[int], why: str) -> None:
    with pytest.raises(InputError, match=why):
        fitting.fit_platt(Scores(np.array(genuine, float), np.array(impostor, float)))


def test_pairs_are_of_the_kind_they_say() -> None:
    identities = [f"F{i // 9:03d}_MID{i // 3 % 3}" for i in range(450)]  # 50 families of 3
    pairs = draw_pairs(Collection.named(identities), impostors=20_000)
    names = np.array(identities)
    assert (names[pairs.genuine[:, 0]] == names[pairs.genuine[:, 1]]).all()
    assert (pairs.genuine[:, 0] != pairs.genuine[:, 1]).all()
    assert len({tuple(sorted(row)) for row in pairs.genuine.tolist()}) == 150 * 3
    families = np.array([family(name) for name in identities])
    assert len(pairs.impostor) == 20_000
    assert (families[pairs.impostor[:, 0]] != families[pairs.impostor[:, 1]]).all()
    again = draw_pairs(Collection.named(identities), impostors=20_000)
    assert (again.impostor == pairs.impostor).all()
    assert len(draw_pairs(Collection.named(identities), impostors=None).impostor) == 450


def test_people_are_drawn_uniformly_whatever_their_number_of_pictures() -> None:
    """One person has 500 pictures of 598, and is still one of 50 people."""
    identities = ["busy"] * 500 + [f"person{i // 2}" for i in range(98)]
    pairs = draw_pairs(Collection.named(identities), impostors=50_000)
    share = np.mean((pairs.impostor < 500).any(axis=1))
    assert share == pytest.approx(2 / 50, abs=0.005)
    assert np.count_nonzero((pairs.genuine < 500).all(axis=1)) == GENUINE_PER_PERSON
    for person in range(49):  # and each picture of a person is as likely as the other
        counts = [np.count_nonzero(pairs.impostor == 500 + 2 * person + i) for i in (0, 1)]
        assert 0.8 < counts[0] / counts[1] < 1.25


def test_impostors_are_of_one_source_and_each_source_by_its_people() -> None:
    """Thirty people of one source, ten of another, in families of two."""
    identities = [f"F{i // 4}_MID{i // 2 % 2}" for i in range(80)]
    sources = np.array(["old.zip"] * 60 + ["new.zip"] * 20)
    people = Collection.named(identities, sources.tolist())
    first, second = draw_pairs(people, impostors=50_000).impostor.T
    assert (sources[first] == sources[second]).all()
    assert np.mean(sources[first] == "old.zip") == pytest.approx(30 / 40, abs=0.02)
    vectors = np.zeros((80, 16), np.float32)
    vectors[60:] = 5  # whoever is compared with the other source would score below the bias
    known = dataclasses.replace(people, vectors=vectors)
    scores = fitting.support_scores(comparison(), known, 1, SupportMethod.MEAN_LOGIT)
    assert (scores.impostor == comparison().bias).all()


def test_a_source_of_one_family_has_no_impostors() -> None:
    identities = [f"person{i // 2}" for i in range(60)] + ["F1_MID1", "F1_MID2"]
    sources = ["many.zip"] * 60 + ["folder/one family.zip"] * 2
    with pytest.raises(InputError, match=r"All people of one family\.zip in this half"):
        draw_pairs(Collection.named(identities, sources))


def test_halves_keep_families_together_and_are_halves() -> None:
    names = [f"F{i:04d}_MID{j}" for i in range(2000) for j in range(3)]
    half = [fits(name) for name in names]
    assert half[::3] == half[1::3] == half[2::3]
    assert 0.45 < np.mean(half) < 0.55


def test_the_half_is_independent_of_the_part() -> None:
    """Both are hashes of the family; the same bytes would put whole parts into one half."""
    from siamese.data.people import Part, part_of

    kept = [n for n in map(str, range(20_000)) if part_of(n) is Part.CALIBRATION]
    assert 0.45 < np.mean([fits(name) for name in kept]) < 0.55


def test_thresholds_keep_their_promises() -> None:
    random = np.random.default_rng(3)
    scores = Scores(random.normal(3, 2, 5000), random.normal(-3, 2, 100_000))
    found = fitting.fit_thresholds(scores)
    points = found.points
    assert list(points) == ["careful", "very_careful", "balanced"]
    assert metrics.false_match_rate(scores.impostor, points["careful"]).value == 0.01
    assert metrics.false_match_rate(scores.impostor, points["very_careful"]).value == 0.001
    assert metrics.false_non_match_rate(scores.genuine, found.different_below).value == 0.01
    assert 0 <= points["balanced"] == pytest.approx(0, abs=0.2)


def test_no_threshold_calls_the_same_what_is_more_probably_not() -> None:
    random = np.random.default_rng(3)
    scores = Scores(random.normal(-1, 1, 5000), random.normal(-5, 1, 100_000))
    found = fitting.fit_thresholds(scores)
    assert min(found.points.values()) == 0.0
    above = Scores(scores.genuine + 20, scores.impostor + 20)
    assert fitting.fit_thresholds(above).different_below == 0.0


@pytest.mark.parametrize("seed", range(8))
def test_bounds_are_those_of_the_lir_package(seed: int) -> None:
    """Of the Netherlands Forensic Institute, whose authors published the rule."""
    random = np.random.default_rng(seed)
    apart, spread = random.uniform(-2, 6), random.uniform(0.5, 5)
    genuine = random.normal(apart, spread, random.integers(30, 2000))
    impostor = random.normal(-apart, spread, random.integers(30, 4000))
    scores = Scores(genuine, impostor)
    found, (values, same) = fitting.fit_bounds(scores), scores.labelled()
    wanted = elub(values / LN10, same.astype(int))
    assert (found.log10_low, found.log10_high) == pytest.approx(wanted, abs=1e-9)
    assert (found.genuine_pairs, found.impostor_pairs) == (len(genuine), len(impostor))


def test_bounds_grow_with_the_pairs_and_never_beyond_their_number() -> None:
    random = np.random.default_rng(5)
    widths = []
    for count in (30, 300, 3000, 30_000):
        normal = random.normal(0, 1, count)
        found = fitting.fit_bounds(Scores(8 + 4 * normal, -8 + 4 * normal))  # log LR by its theory
        assert -np.log10(count + 1) - 0.01 <= found.log10_low < 0
        assert 0 < found.log10_high <= np.log10(count + 1) + 0.01
        widths.append(found.log10_high - found.log10_low)
    assert widths == sorted(widths)


def test_scores_that_say_nothing_support_nothing() -> None:
    random = np.random.default_rng(6)
    found = fitting.fit_bounds(Scores(random.normal(0, 5, 500), random.normal(0, 5, 500)))
    assert (found.log10_low, found.log10_high) == (0.0, 0.0)


@pytest.mark.parametrize("method", list(SupportMethod))
def test_several_photos_are_calibrated(method: SupportMethod) -> None:
    """Raw logits of three photos are overconfident or not confident enough; the fit mends that."""
    known = collection(400, 6, noise=0.9)
    pairs = comparison().scores(draw_pairs(known, impostors=20_000), known.vectors)
    platt, raw = fitting.fit_platt(pairs), comparison()
    compare = Comparison(platt.scale * raw.weights, platt.scale * raw.bias + platt.offset)
    scales = fitting.fit_support(compare, known, method)
    assert len(scales) == 4 and scales[0] == (1.0, 0.0)
    fresh = collection(400, 6, noise=0.9, seed=8)
    for photos in (2, 3, 4):
        scores = fitting.support_scores(compare, fresh, photos, method)
        scale, offset = scales[photos - 1]
        mended = Scores(scale * scores.genuine + offset, scale * scores.impostor + offset)
        before, after = map(metrics.probability_report, (scores, mended))
        assert after["ece"] < 0.02 < before["ece"]
        assert after["log_loss"] < before["log_loss"]


def test_support_never_holds_the_query() -> None:
    """With no noise a leaked query would change nothing; with its own noise it scores the bias."""
    known = collection(30, 3, noise=1.0)
    scores = fitting.support_scores(comparison(), known, 1, SupportMethod.MEAN_LOGIT)
    assert scores.genuine.max() < comparison().bias
    assert len(scores.genuine) == len(scores.impostor) == 300


def test_too_few_people_fall_back_or_are_reported() -> None:
    known = collection(30, 3)
    scales = fitting.fit_support(comparison(), known, SupportMethod.MEAN_LOGIT)
    assert scales[2] == scales[3] == scales[1]
    with pytest.raises(InputError, match="needs 10 people with 4 pictures"):
        fitting.support_scores(comparison(), known, 3, SupportMethod.MEAN_LOGIT)
    with pytest.raises(InputError, match="there are 3"):
        draw_pairs(Collection.named(["a", "a", "b", "b", "c", "c"]))


def test_wrong_labels_are_found_and_right_ones_kept() -> None:
    """Twenty people of five pictures; one picture each of two people shows somebody else."""
    vectors, identities = people(20, 5, noise=0.3)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert not contradicted(vectors, identities).any()
    vectors[[7, 51]] = -vectors[[7, 51]]
    assert np.flatnonzero(contradicted(vectors, identities)).tolist() == [7, 51]


def test_of_two_pictures_that_disagree_nobody_knows_which_is_wrong() -> None:
    vectors = np.eye(3)[[0, 1, 2]]
    found = contradicted(vectors, ["a", "a", "b"])
    assert found.tolist() == [True, True, False]
    unknown = np.zeros((2, 3))
    assert not contradicted(unknown, ["a", "a"]).any()


def test_each_impostor_pair_counts_once() -> None:
    """20 people with two pictures have 760 pairs of strangers, however many are drawn."""
    drawn = draw_pairs(Collection.named([str(number // 2) for number in range(40)]))
    pairs = drawn.distinct().impostor
    assert len(drawn.impostor) == IMPOSTOR_PAIRS
    assert len(pairs) == len({frozenset(pair) for pair in pairs.tolist()}) == 760


def test_the_halves_never_move() -> None:
    """Whoever changes the hash lets people who fitted a probability report on it."""
    fitted = ["F0006_MID1", "F0013_MID1", "F0039_MID1", "9", "46", "49"]
    reports = ["F0011_MID1", "F0023_MID1", "F0029_MID1", "F0068_MID1", "50"]
    assert [fits(name) for name in fitted + reports] == [True] * 6 + [False] * 5


def test_no_pair_is_judged_by_a_fit_that_saw_its_people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pair is judged once; who is judged took no part in that fit, nor did a relative."""
    identities = [f"F{i // 8}_MID{i // 4 % 2}" for i in range(96)]  # 12 families of 2, 4 pictures
    vectors, _ = people(24, 4)
    found = dataclasses.replace(Collection.named(identities), vectors=vectors)
    pairs = draw_pairs(found, impostors=3000).distinct()
    scores = comparison().scores(pairs, vectors)
    fitted: list[set[float]] = []
    real = fitting.fit_platt

    def watched(known: Scores, count: int | None = None) -> fitting.Platt:
        fitted.append({*known.genuine.tolist(), *known.impostor.tolist()})
        return real(known, count)

    monkeypatch.setattr(fitting, "fit_platt", watched)
    genuine, impostor = cross_validate(
        (scores.genuine, pairs.genuine), (scores.impostor, pairs.impostor), identities
    )
    assert np.isfinite(genuine.logits).all() and np.isfinite(impostor.logits).all()
    assert len(fitted) == 15 and len({frozenset(seen) for seen in fitted}) == 15
    for score in [*scores.genuine[:20].tolist(), *scores.impostor[:50].tolist()]:
        assert sum(score in seen for seen in fitted) < 15
    auc = metrics.auc(Scores(genuine.logits, impostor.logits))
    assert auc == pytest.approx(metrics.auc(scores), abs=0.02)


def test_few_people_make_a_fit_less_sure() -> None:
    """Scores far apart have a fit all the same, only as sure as that number of people allows."""
    apart = Scores(np.linspace(5, 6, 40), np.linspace(-6, -5, 300))
    said = {count: fitting.fit_platt(apart, count).of(apart).genuine.mean() for count in (10, 100)}
    assert said[10] == pytest.approx(np.log(11), abs=0.1)
    assert said[100] == pytest.approx(np.log(101), abs=0.1)
    few, all_pairs = fitting.fit_bounds(apart, 10), fitting.fit_bounds(apart)
    assert few.log10_high < all_pairs.log10_high and few.log10_low > all_pairs.log10_low


def test_pairs_of_the_same_two_people_count_little() -> None:
    """A hundred pairs of each of 45 pairs of people: no error is no proof of a rate under 1 %."""
    twos = np.array([(a, b) for a in range(10) for b in range(a)]).repeat(100, axis=0)
    none = metrics.rate_among(np.zeros(4500, bool), twos)
    assert none.value == 0 and 0.06 < none.high < 0.09  # 1 - 0.025 ** (1 / 45)
    one = metrics.rate_among((twos == (1, 0)).all(axis=1), twos)
    assert one.value == pytest.approx(1 / 45) and one.low < 0.002 and one.high > 0.1
