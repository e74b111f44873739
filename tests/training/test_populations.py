"""Who else it could be: rarer to be called the same, with rates that are counted."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from siamese.calibration import (
    ANYBODY,
    CHILDREN,
    PEERS,
    RELATIVES,
    DecisionRule,
    Population,
    Reason,
)
from siamese.checkpoint import parsed
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Picture, family
from siamese.data.populations import EACH, LISTED_TOGETHER, OF_ONE_AGE, PAIRS, labels_of
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.fitting import fit_platt, fit_thresholds
from siamese.evaluation.verification import answered, measured_point
from siamese.training.populations import _strictest, fit_populations, fit_warned
from siamese.values import adapter

SIZE = 24


def faces(kinds: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """People near the centre of their kind, which is -1 for people of no kind."""
    own = random.normal(size=(len(kinds), SIZE))
    centre = np.random.default_rng(9).normal(size=(kinds.max() + 2, SIZE))
    return np.where(kinds[:, None] < 0, own, centre[kinds] + 0.6 * own)


@pytest.fixture(scope="module")
def calibration() -> Collection:
    """150 families of 3, who look a little alike, 6 pictures each, and 300 others."""
    random = np.random.default_rng(0)
    names = [f"F{number:04d}_MID{member}" for number in range(150) for member in (1, 2, 3)]
    names += [f"P{number}" for number in range(300)]
    families = np.array([number // 3 if number < 450 else -1 for number in range(750)])
    means = faces(families, random).repeat(6, axis=0)
    pictures = tuple(Picture("a.zip", f"{who}/{n}.webp", who) for who in names for n in range(6))
    vectors = (means + 0.5 * random.normal(size=means.shape)).astype(np.float32)
    return Collection(pictures, vectors=vectors)


@pytest.fixture(scope="module")
def aged() -> Collection:
    """Strangers from 2 to 61 whose names tell it; children, and those of one sex, are alike."""
    random = np.random.default_rng(1)
    ages = np.arange(1200) % 60 + 2
    numbers = np.where(random.random(1200) < 0.5, 100, 9000) + np.arange(1200)
    kinds = np.where(ages <= 12, 1, np.where(numbers <= 7380, 0, -1))
    names = [
        f"aaf/{number:05d}_age{age:02d}.webp" for number, age in zip(numbers, ages, strict=True)
    ]
    vectors = faces(kinds, random).astype(np.float32)
    return Collection(tuple(Picture("b.zip", name, "") for name in names), vectors=vectors)


def worsened(shown: Collection) -> Collection:
    """The same pictures, and what is left of them after spoiling: half of it, and noise."""
    noise = np.random.default_rng(4).normal(size=shown.vectors.shape)
    return replace(shown, spoiled=(0.5 * shown.vectors + 0.7 * noise).astype(np.float32))


@pytest.fixture(scope="module")
def compare(calibration: Collection) -> Comparison:
    """A head that is calibrated for anybody."""
    raw = Comparison(np.ones(SIZE), 0.0)
    platt = fit_platt(raw.scores(draw_pairs(calibration, 20_000), calibration.vectors))
    return Comparison(raw.weights * platt.scale, platt.offset)


@pytest.fixture(scope="module")
def rule(compare: Comparison, calibration: Collection, aged: Collection) -> DecisionRule:
    scores = compare.scores(draw_pairs(calibration, 20_000), calibration.vectors)
    thresholds = fit_thresholds(scores)
    points = tuple(
        measured_point(name, logit, scores, "toys") for name, logit in thresholds.points.items()
    )
    found = fit_populations(compare, calibration, aged)
    return DecisionRule(points, thresholds.different_below, populations=found)


def test_names_tell_who_is_a_child_and_nothing_else_does() -> None:
    known = {
        "age026_female_asian_00017.webp": (26, "female", "asian"),
        "aaf/07380_age80.webp": (80, "female", "mostly asian"),
        "aaf/07381_age02.webp": (2, "male", "mostly asian"),
    }
    for name, expected in known.items():
        found = labels_of(name)
        assert found and (found.age, found.sex, found.origin) == expected
        assert found.number == (int(name[4:9]) if name.startswith("aaf") else None)
    assert labels_of("F0001_MID1/P00009_face3.webp") is labels_of("web/02703.webp") is None


def test_pairs_are_those_of_a_slow_loop(calibration: Collection, aged: Collection) -> None:
    pictures = aged.pictures[:300]
    labels = [labels_of(picture.name) for picture in pictures]
    for name in (PEERS, CHILDREN):
        expected = {
            (i, j)
            for i, a in enumerate(labels)
            for j, b in enumerate(labels)
            if a and b and i < j and abs(a.age - b.age) <= OF_ONE_AGE[name]
            if abs((a.number or 0) - (b.number or 0)) > LISTED_TOGETHER
            if (max(a.age, b.age) <= 12 if name == CHILDREN else min(a.age, b.age) > 12)
            if name == CHILDREN or (a.sex, a.origin) == (b.sex, b.origin)
        }
        assert set(map(tuple, PAIRS[name](pictures).rows.tolist())) == expected != set()
    kin = PAIRS[RELATIVES](calibration.pictures)
    who = [picture.identity for picture in calibration.pictures]
    assert all(who[i] != who[j] and family(who[i]) == family(who[j]) for i, j in kin.rows)
    assert len(kin.rows) == 150 * 3 * 18, f"of 36 pairs of two relatives no more than {EACH}"
    assert len(np.unique(kin.people)) == 450 and (kin.people[:, 0] != kin.people[:, 1]).all()


def test_each_population_keeps_the_rate_that_its_point_is_named_for(rule: DecisionRule) -> None:
    assert [population.name for population in rule.populations] == [PEERS, CHILDREN, RELATIVES]
    for population in rule.populations:
        own = rule.among(population.name)
        as_anybody = rule.false_matches_among(rule.default)[population.name]
        assert own.default.fmr.value < 0.03 < as_anybody.value, population.name
        assert own.population == population.name and own.bounds == population.bounds
        limit = (own.limits(own.default)[1] - population.offset) / population.scale
        assert limit > rule.limits(rule.default)[1], "the same faces have to be more alike"
        assert population.name not in own.false_matches_among(own.default)
        assert len(own.false_matches_among(own.default)) == 2


def test_rates_are_those_of_a_plain_count(
    rule: DecisionRule, compare: Comparison, aged: Collection
) -> None:
    """On both halves together the rate of children at anybody's threshold is the one stated."""
    pairs = PAIRS[CHILDREN](aged.pictures).rows
    logits = compare(*aged.vectors[pairs].swapaxes(0, 1))
    counted = float((logits >= rule.limits(rule.default)[1]).mean())
    said = rule.false_matches_among(rule.default)[CHILDREN]
    assert said.low * 0.7 < counted < said.high * 1.4


def test_evidence_is_worth_more_where_it_was_fitted(
    rule: DecisionRule, compare: Comparison, calibration: Collection, aged: Collection
) -> None:
    genuine = compare.scores(draw_pairs(calibration, 2000), calibration.vectors).genuine
    pairs = PAIRS[CHILDREN](aged.pictures).rows
    scores = metrics.Scores(genuine, compare(*aged.vectors[pairs].swapaxes(0, 1)))
    own = rule.among(CHILDREN)
    raised = metrics.Scores(own.pair_logit(scores.genuine), own.pair_logit(scores.impostor))
    assert metrics.cllr(answered(own, raised)) < 0.8 * metrics.cllr(answered(rule, scores))


@pytest.fixture(scope="module")
def complete(
    rule: DecisionRule, compare: Comparison, calibration: Collection, aged: Collection
) -> DecisionRule:
    """The rule with a rule of its own for photos that are warned of, for each population."""
    warned = fit_warned(compare, worsened(calibration), worsened(aged), rule)
    return replace(rule, populations=rule.populations + warned)


def test_a_photo_that_is_warned_of_tells_less(
    complete: DecisionRule, compare: Comparison, calibration: Collection
) -> None:
    assert complete.names == [ANYBODY, PEERS, CHILDREN, RELATIVES]
    shown = worsened(calibration)
    first, second = draw_pairs(calibration, 2000).genuine.T
    strangers, others = draw_pairs(calibration, 2000).impostor.T
    scores = metrics.Scores(
        compare(shown.vectors[first], shown.spoiled[second]),
        compare(shown.vectors[strangers], shown.spoiled[others]),
    )
    own = complete.among(ANYBODY, warned=True)
    raised = metrics.Scores(own.pair_logit(scores.genuine), own.pair_logit(scores.impostor))
    assert metrics.cllr(answered(own, raised)) < 0.8 * metrics.cllr(answered(complete, scores))
    assert (scores.genuine < complete.different_below).mean() > 0.2, "a photo in five was wronged"
    assert (raised.genuine < own.limits(own.default)[0]).mean() < 0.02
    assert (raised.impostor >= own.limits(own.default)[1]).mean() < 0.02
    weak = own.judge(own.pair_logit(np.array(complete.different_below - 0.1)).item(), own.default)
    assert (weak.decision, weak.reason, weak.warned) == ("uncertain", Reason.PHOTO, True)


def test_with_a_warning_no_claim_goes_further(complete: DecisionRule) -> None:
    for name in complete.names:
        plain, warned = complete.among(name), complete.among(name, warned=True)
        assert (warned.population, warned.warned, plain.warned) == (name, True, False)
        assert plain.bounds is None or warned.bounds is not None
        if plain.bounds and warned.bounds:
            assert plain.bounds.log10_low <= warned.bounds.log10_low
            assert plain.bounds.log10_high >= warned.bounds.log10_high
        among = warned.false_matches_among(warned.default)
        assert set(among) == {PEERS, CHILDREN, RELATIVES} - {name}
        assert among != plain.false_matches_among(plain.default)


def test_a_checkpoint_without_such_rules_judges_as_ever(rule: DecisionRule) -> None:
    assert rule.among(ANYBODY, warned=True) is rule
    assert rule.among(CHILDREN, warned=True) == rule.among(CHILDREN)


@given(st.floats(-40, 40), st.floats(-40, 40))
def test_a_population_never_turns_the_order_of_pairs(
    rule: DecisionRule, one: float, other: float
) -> None:
    """So identical pictures stay first, whoever else it could be."""
    for population in rule.populations:
        own = rule.among(population.name)
        low, high = own.pair_logit(np.array(sorted((one, other))))
        assert low <= high
        judged = own.judge(float(high), own.default)
        assert judged.population == population.name
        assert judged.decision != "same" or judged.log10_likelihood_ratio > 0


def test_it_is_stored_and_older_files_lack_it(rule: DecisionRule) -> None:
    written = adapter(DecisionRule).dump_python(rule, mode="json", exclude_computed_fields=True)
    assert "population" not in written
    assert parsed(DecisionRule, json.loads(json.dumps(written)), "config.json") == rule
    older = replace(rule, populations=())
    bare = adapter(DecisionRule).dump_python(older, mode="json", exclude_computed_fields=True)
    assert set(written) - set(bare) == {"populations"}
    assert older.false_matches_among(older.default) == {} and older.among("anybody") is older
    with pytest.raises(InputError, match="this checkpoint has anybody"):
        older.among(CHILDREN)
    with pytest.raises(InputError, match="anybody, peers, children, relatives"):
        rule.among("cousins")


def test_what_there_is_too_little_of_is_left_out_and_reported(
    compare: Comparison, calibration: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = calibration.of(lambda who: "MID" not in who)
    assert fit_populations(compare, nobody, None) == ()
    assert "no population 'relatives': there are 0 pairs" in capsys.readouterr().err


def test_intervals_allow_for_what_pairs_share() -> None:
    """One picture that matches everybody is one fact, not sixty."""
    rows = np.argwhere(np.triu(np.ones((60, 60)), 1))
    hits = (rows == 0).any(axis=1)
    found, exact = metrics.rate_among(hits, rows), metrics.rate(int(hits.sum()), len(hits))
    assert (found.errors, found.trials) == (exact.errors, exact.trials)
    assert found.high - found.low > 2 * (exact.high - exact.low)


def test_the_youngest_have_a_say_in_the_thresholds_of_children() -> None:
    """A rate that holds on average does not hold for the youngest, who are the most alike."""
    random = np.random.default_rng(5)
    bands = np.repeat([0, 1, 2], [600, 3000, 9000])
    impostor = random.normal(size=len(bands)) + np.array([2.0, 1.0, 0.0])[bands]
    scores = metrics.Scores(random.normal(4, 2, 1000), impostor)
    pooled, strict = fit_thresholds(scores), _strictest(scores, bands)
    limit, average = strict.points["careful"], pooled.points["careful"]
    assert (impostor[bands == 0] >= average).mean() > 0.05
    assert all((impostor[bands == band] >= limit).mean() <= 0.01 for band in range(3))
    assert strict.different_below == pooled.different_below
    few = _strictest(scores, np.where(np.arange(len(bands)) < 400, 0, 3))
    assert few.points["careful"] <= limit, "so few pairs are no rate"


def test_many_thresholds_are_counted_as_one_is(rule: DecisionRule) -> None:
    """Against each drawn person's pairs added up by hand."""
    random = np.random.default_rng(3)
    people = random.integers(40, size=(900, 2))
    scores = np.round(random.normal(size=900) + people[:, 0] / 20, 1)  # with ties
    levels = [-9.0, 0.5, 1.3, 2.0, 99.0]
    for level, found in zip(levels, metrics.rates_among(scores, people, levels), strict=True):
        hits = scores >= level
        drawn = [float(w @ hits) / float(w.sum()) for w in metrics.redrawn(people)]
        low, high = np.quantile(drawn, [0.025, 0.975])
        assert (found.errors, found.trials) == (hits.sum(), 900)
        assert found.low <= low + 1e-12 and found.high >= high - 1e-12
        assert found == metrics.rate_among(hits, people)


def test_curves_allow_for_what_pairs_share(rule: DecisionRule) -> None:
    for population in rule.populations:
        for _, errors, low, high in population.false_matches.levels:
            exact = metrics.rate(errors, population.false_matches.trials)
            assert low <= exact.low and high >= exact.high
        point = population.operating_points[0]
        near = population.false_matches.at(point.threshold)
        assert near.low == pytest.approx(point.fmr.low, rel=0.3, abs=1e-3)
        assert near.high == pytest.approx(point.fmr.high, rel=0.3, abs=1e-3)


def test_photos_of_one_person_are_counted_from_the_other_end(rule: DecisionRule) -> None:
    for population in rule.populations:
        assert population.false_non_matches is not None
        own = rule.among(population.name, population.warned)
        for point in population.operating_points:
            unlike = own.judge(point.threshold, point).same_person_as_unlike
            assert unlike is not None and unlike.trials == point.fnmr.trials
            assert unlike.measured_on == "calibration people, the half that reports"
            assert point.fnmr.errors <= unlike.errors <= max(1, 1.3 * point.fnmr.errors)


def test_children_of_two_sources_are_no_pair(aged: Collection) -> None:
    """How pictures were taken tells two sources apart for free, which would dilute the rate."""
    half = [replace(p, source="c.zip") if n % 2 else p for n, p in enumerate(aged.pictures)]
    for name in (PEERS, CHILDREN):
        rows = PAIRS[name](half).rows
        assert len(rows) and (rows.sum(axis=1) % 2 == 0).all()
        assert len(rows) < len(PAIRS[name](aged.pictures).rows)


def test_a_population_has_a_rising_scale(rule: DecisionRule) -> None:
    for population in rule.populations:
        assert population.scale > 0
        with pytest.raises(ValueError, match="greater than 0"):
            Population(
                **{name: getattr(population, name) for name in population.__slots__}
                | {"scale": 0.0}
            )
