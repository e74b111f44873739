"""One-shot, open set and pick on made-up people.

pytest tests/evaluation/test_identification.py
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from siamese.calibration import DecisionRule, OperatingPoint, Rate
from siamese.data.people import photos_of
from siamese.errors import InputError
from siamese.evaluation.protocols import identification
from tests.evaluation.toys import comparison, people

LOGITS = identification.mean_embedding(comparison())
RATE = Rate(0, 0, 0.0, 1.0)
RULE = DecisionRule((OperatingPoint("careful", 0.0, RATE, RATE, "nothing"),), -2.0)


def test_mean_embedding_is_what_it_says() -> None:
    compare, (vectors, _) = comparison(), people(3, 4)
    vectors[5] = np.nan  # the second photo of the second person has no face
    support, queries = vectors.reshape(3, 4, -1)[:, :3], vectors[[3, 7]]
    by_embedding = identification.mean_embedding(compare)(queries, support)
    for q, query in enumerate(queries):
        for k, photos in enumerate(support):
            known = photos[~np.isnan(photos[:, 0])]
            mean = known.mean(axis=0)
            assert by_embedding[q, k] == pytest.approx(compare(query[None], mean[None])[0])


@pytest.mark.parametrize("shots", [1, 3])
def test_one_photo_given_several_times_is_one_photo(shots: int) -> None:
    compare, (photos, _) = comparison(), people(6, 1)
    same = photos[:, None].repeat(shots, axis=1)
    queries = people(2, 1, seed=9)[0]
    found = identification.mean_embedding(compare)(queries, same)
    np.testing.assert_allclose(found, compare.matrix(queries, photos), atol=1e-5)


def test_one_shot_of_people_who_are_easy_to_tell_apart() -> None:
    found = identification.one_shot(LOGITS, *people(30, 4, noise=0.01), 20, 1, trials=200)
    assert found["correct"]["value"] == 1
    assert (found["chance"], found["people"]) == (0.05, 30)


@pytest.mark.parametrize("ways", [2, 5, 20])
def test_one_shot_of_noise_is_chance(ways: int) -> None:
    vectors = np.random.default_rng(1).normal(size=(120, 16)).astype(np.float32)
    identities = [f"{row // 4}" for row in range(120)]
    found = identification.one_shot(LOGITS, vectors, identities, ways, 1, trials=4000)
    assert found["correct"]["low"] - 0.03 < 1 / ways < found["correct"]["high"] + 0.03


def test_a_constant_scorer_is_never_right() -> None:
    """With all logits equal, argmax once found the right person, who comes first, every time."""
    vectors, identities = people(10, 3)
    found = identification.one_shot(LOGITS, np.ones_like(vectors), identities, 5, 1, trials=50)
    assert found["correct"]["value"] == 0


def test_more_photos_help() -> None:
    data = people(60, 6, noise=0.9)
    one = identification.one_shot(LOGITS, *data, 20, 1, trials=1500)
    three = identification.one_shot(LOGITS, *data, 20, 3, trials=1500)
    assert three["correct"]["low"] > one["correct"]["high"]


def test_draws_are_seeded_and_never_use_the_query_as_support() -> None:
    vectors, identities = people(12, 3)
    first = identification.one_shot(LOGITS, vectors, identities, 5, 1, trials=100, seed=4)
    again = identification.one_shot(LOGITS, vectors, identities, 5, 1, trials=100, seed=4)
    assert first == again
    photos = list(photos_of(identities).values())
    random = np.random.default_rng(0)
    for _ in range(200):
        query, support = identification._draw(photos, 5, 2, random)
        assert query not in support
        owners = {identities[row] for row in support.flat}
        assert len(owners) == 5 and len(set(support.flat)) == 10
        assert identities[query] == identities[support[0, 0]]


def test_a_query_without_a_face_is_an_error() -> None:
    vectors, identities = people(6, 2, noise=0.01)
    vectors[:] = np.nan
    found = identification.one_shot(LOGITS, vectors, identities, 5, 1, trials=20)
    assert found["correct"]["value"] == 0
    counts = identification.pick_counts(LOGITS, vectors, identities, 5, 1, RULE, trials=20)
    assert (counts["none"]["value"], counts["stranger_named"]["value"]) == (1, 0)


def test_too_few_people_are_reported() -> None:
    with pytest.raises(InputError, match="needs 5 people with 2 photos or more; there are 3"):
        identification.one_shot(LOGITS, *people(3, 2), 5, 1)


def test_pick_names_the_right_one_and_no_stranger() -> None:
    easy = people(30, 3, noise=0.02)
    logits = identification.mean_embedding(comparison(bias=3.0))
    found = identification.pick_counts(logits, *easy, 5, 1, RULE, trials=200)
    assert found["right_name"]["value"] == 1
    assert found["stranger_named"]["value"] < 0.2
    total = found["right_name"]["errors"] + found["wrong_name"]["errors"] + found["none"]["errors"]
    assert total == found["none"]["trials"] == 200


def test_a_prior_for_none_makes_the_pick_silent() -> None:
    data = people(30, 3, noise=0.5)
    shy = identification.pick_counts(LOGITS, *data, 5, 1, RULE, none_prior=0.999, trials=300)
    bold = identification.pick_counts(LOGITS, *data, 5, 1, RULE, none_prior=0.001, trials=300)
    assert shy["none"]["value"] > bold["none"]["value"]
    assert shy["stranger_named"]["value"] < bold["stranger_named"]["value"]


def test_a_more_careful_point_names_fewer_and_never_somebody_else() -> None:
    data, point = people(30, 3, noise=0.5), RULE.default
    found = [
        identification.pick_counts(
            LOGITS, *data, 5, 1, replace(RULE, operating_points=(replace(point, threshold=limit),))
        )
        for limit in (-9.0, 2.0, 3.0)
    ]
    for fewer, more in itertools.pairwise(reversed(found)):
        assert fewer["stranger_named"]["errors"] <= more["stranger_named"]["errors"]
        assert fewer["right_name"]["errors"] <= more["right_name"]["errors"]
        assert fewer["none"]["errors"] >= more["none"]["errors"]
    assert found[0]["none"]["errors"] < found[2]["none"]["errors"]


def test_open_set_by_hand() -> None:
    """Two enrolled people, found and missed; a stranger who sets the threshold."""
    vectors = np.zeros((10, 16), np.float32)
    vectors[4:8] = 10.0
    vectors[3] = 9.9  # the last photo of "a" looks like "b"
    vectors[8] = 2.0  # a stranger, nearer to "a"
    vectors[9] = np.nan
    identities = ["a"] * 4 + ["b"] * 4 + ["stranger", "faceless"]
    found = identification.open_set(LOGITS, vectors, identities, 1)
    assert (found["enrolled"], found["strangers"]) == (2, 2)
    assert found["dir"]["trials"] == found["rank_one"]["trials"] == 6
    # Either the odd photo of "a" is a query and lost to "b"; or it is the enrolled one, and is
    # still the nearest to the others of "a", but farther from them than the stranger is.
    assert (found["rank_one"]["errors"], found["dir"]["errors"]) in ((5, 5), (6, 3))


def test_open_set_of_easy_people_is_solved() -> None:
    enrolled, names = people(20, 5, noise=0.01)
    others, _ = people(50, 1, seed=5)
    found = identification.open_set(
        LOGITS, np.concatenate([enrolled, others]), names + [f"x{i}" for i in range(50)], 3
    )
    assert found["dir"]["value"] == found["rank_one"]["value"] == 1
    assert found["dir"]["trials"] == 40


def test_open_set_lets_no_more_strangers_through_than_it_says() -> None:
    vectors, names = people(20, 5, noise=0.8)
    others, _ = people(200, 1, seed=5)
    found = identification.open_set(
        LOGITS, np.concatenate([vectors, others]), names + [f"x{i}" for i in range(200)], 1
    )
    assert 0 < found["dir"]["value"] < found["rank_one"]["value"] < 1


def test_the_first_of_a_family_against_every_draw() -> None:
    """The closed form is the mean over all ways to draw one photo of each member."""
    random = np.random.default_rng(4)
    identities = np.array([0, 0, 1, 1, 1, 2, 2, 3])
    families = np.array([0, 0, 0, 0, 0, 0, 0, 1])
    logits = random.normal(size=(8, 8)).round(1)
    found = identification.first_of_family(logits, identities, families)
    for query in range(7):
        own = [r for r in range(7) if identities[r] == identities[query] and r != query]
        rivals = [
            [r for r in range(7) if identities[r] == who] for who in {0, 1, 2} - {identities[query]}
        ]
        draws = [
            logits[query, right] > max(logits[query, list(others)])
            for right, *others in itertools.product(own, *rivals)
        ]
        assert found[query] == pytest.approx(np.mean(draws))
    assert np.isnan(found[7])
