"""False matches within groups, and what is done to photos, on small examples.

pytest tests/evaluation/test_groups.py
"""

import numpy as np
import pytest
from PIL import Image

from siamese.data.populations import Labels
from siamese.errors import InputError
from siamese.evaluation import metrics
from siamese.evaluation.pair_lists import Pair
from siamese.evaluation.protocols import groups, robustness


def test_labels_are_read_from_names() -> None:
    assert groups.labels_of("age026_female_asian_00017.webp") == Labels(26, "female", "asian")
    with pytest.raises(InputError, match="portrait"):
        groups.labels_of("portrait.webp")


def test_everybody_is_in_one_group_of_each_kind() -> None:
    random = np.random.default_rng(0)
    labels = [
        Labels(int(age), str(random.choice(["f", "m"])), str(random.choice(["a", "b"])))
        for age in random.integers(1, 117, 300)
    ]
    found = groups.members(labels)
    assert len(found.pop("everybody")) == 300
    assert sum(len(rows) for rows in found.values()) == 4 * 300
    for name, rows in found.items():
        if name.startswith("age 20-29"):
            assert all(20 <= labels[row].age <= 29 for row in rows)
        if name == "f a":
            assert all((labels[row].sex, labels[row].origin) == ("f", "a") for row in rows)


def test_false_matches_count_each_pair_once() -> None:
    logits = np.array([[9.0, 1, 0], [1, 9, -1], [0, -1, 9]])
    found = groups.false_matches(logits, 0.0)
    assert (found.errors, found.trials) == (2, 3)
    assert found.low <= found.value <= found.high


def test_intervals_are_wider_where_one_picture_matches_everybody() -> None:
    """Independent pairs would be as sure; ten of its pairs are one fact about one picture."""
    logits = np.full((60, 60), -1.0)
    logits[0] = logits[:, 0] = 1.0
    found = groups.false_matches(logits, 0.0)
    exact = metrics.rate(59, 60 * 59 // 2)
    assert found.errors == 59
    assert found.high > 1.3 * exact.high and found.low < exact.low


def photo() -> Image.Image:
    random = np.random.default_rng(0)
    return Image.fromarray(random.integers(0, 256, (250, 250, 3), dtype=np.uint8))


def test_changes_do_what_they_are_called() -> None:
    changed = {name: change(photo()) for name, change in robustness.CHANGES.items()}
    assert all(image.mode == "RGB" for image in changed.values())
    grey = np.asarray(changed["grey"])
    assert (grey == grey[:, :, :1]).all()
    assert changed["face of 32 px"].size == (64, 64)
    assert np.asarray(changed["blur 3 px"]).std() < 0.3 * np.asarray(photo()).std()
    np.testing.assert_array_equal(
        np.asarray(changed["turned by 90 degrees"]), np.rot90(np.asarray(photo()), -1)
    )
    again = robustness.jpeg(photo())
    np.testing.assert_array_equal(np.asarray(again), np.asarray(changed["JPEG 20"]))


def test_subset_takes_both_kinds_of_every_fold() -> None:
    pairs = [Pair("", "", same, fold) for fold in range(3) for same in (True, False)] * 5
    chosen = [pairs[row] for row in robustness.subset(pairs, per_fold=2)]
    assert len(chosen) == 12
    assert sum(pair.same for pair in chosen) == 6


def test_a_photo_without_a_face_is_an_error_of_its_kind_only() -> None:
    scores = np.array([1.0, np.nan, -1.0, np.nan])
    row = robustness.changed_row(scores, np.array([True, True, False, False]), 0.0)
    assert row == {"pairs": 4, "failed_pairs": 2, "accuracy": 0.5, "fnmr": 0.5, "fmr": 0.0}
