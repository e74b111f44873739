"""Photos as they are, by how far from ordinary: the counts by slow loops."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from siamese.evaluation.protocols import unusual_photos
from siamese.faces import quality
from siamese.faces.detector import FaceDetector
from siamese.faces.quality import Flag
from siamese.photos import load
from tests.pictures import portrait

SCORES = "detector's score"


def test_pairs_of_an_ordinary_and_an_unusual_photo(detector: FaceDetector) -> None:
    face = detector.detect([load(portrait())])[0][0]
    random = np.random.default_rng(0)
    levels = random.choice([1.0, 0.98, 0.92], 30)
    faces = [replace(face, score=level) for level in levels[:-1]] + [None]
    pairs = np.array([(a, b) for a in range(30) for b in range(a)])
    logits = random.normal(0.5 * (levels[pairs[:, 0]] + levels[pairs[:, 1]] - 1.9), 0.05)
    found = unusual_photos.report(faces, pairs, logits, threshold=0.0)
    assert (found["photos"], found["without_face"]) == (30, 1)
    measured = found["measures"][SCORES]
    assert measured["flag"] == Flag.LOW_SCORE
    for row, level in zip(measured["ranges"], (1.0, 0.98, 0.92), strict=True):
        taken = [
            logit
            for (a, b), logit in zip(pairs.tolist(), logits, strict=True)
            if 29 not in (a, b) and {levels[a], levels[b]} | {1.0} == {level, 1.0}
            and (level == 1.0 or levels[a] != levels[b])
        ]  # fmt: skip
        assert row["photos"] == sum(levels[:-1] == level)
        assert row["fnmr"]["trials"] == len(taken) > 0
        assert row["fnmr"]["errors"] == sum(logit < 0 for logit in taken)
    rates = [row["fnmr"]["value"] for row in measured["ranges"]]
    assert rates[1] > 1.5 * rates[0] > 0
    assert measured["first_harmful_range"] == 0.97


@pytest.mark.parametrize("name", unusual_photos.MEASURES)
def test_ranges_go_from_ordinary_to_warned_of(name: str) -> None:
    """They join without a gap, and the product's limit is the edge of one of them."""
    ranges = unusual_photos.MEASURES[name].ranges
    ascending = sorted(ranges)
    assert all(a[1] == b[0] for a, b in itertools.pairwise(ascending))
    limits = {Flag.LOW_SCORE: quality.LOW_SCORE, Flag.TURNED_AWAY: quality.TURNED_AWAY}
    flag = unusual_photos.MEASURES[name].flag
    assert flag is None or limits[flag] in {edge for limits in ranges[1:] for edge in limits}
