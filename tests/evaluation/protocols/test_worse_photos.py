"""Spoiled crops: what is done to them, what is warned of, and the counts, by slow loops."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data import spoiling
from siamese.data.collection import Collection
from siamese.data.people import Part
from siamese.data.split import calibration_pictures
from siamese.data.spoiling import DEGRADATIONS, USUAL, Seen
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.pair_lists import Pair
from siamese.evaluation.protocols import warnings
from siamese.evaluation.protocols.worse_photos import Trial
from siamese.faces.detector import FaceDetector
from siamese.faces.quality import Flag
from siamese.network import NetworkConfig, Siamese
from siamese.photos import load
from tests.pictures import portrait

COMPARE = Comparison(np.full(48, 0.5), 3.0)
THRESHOLD = 1.0


@pytest.fixture(scope="module")
def crop(detector: FaceDetector) -> np.ndarray:
    return detector.detect([load(portrait())])[0][0].crop


def embed(crops: np.ndarray) -> np.ndarray:
    """Mean colours of sixteen fields: (N, 48)."""
    fields = crops.reshape(len(crops), 4, 24, 4, 24, 3).mean((2, 4))
    return (fields.reshape(len(crops), -1) / 255).astype(np.float32)


def trial() -> Trial:
    """Eight people with two crops each: fields of their own colours, and noise."""
    random = np.random.default_rng(0)
    own = random.integers(60, 200, (8, 1, 4, 4, 3)).repeat(2, axis=1)
    fields = (own + random.integers(-25, 25, own.shape)).reshape(16, 4, 4, 3)
    crops = fields.repeat(24, axis=1).repeat(24, axis=2).astype(np.uint8)
    people = Collection.named([f"person{row // 2}" for row in range(16)])
    pairs = np.array([(2 * who, 2 * who + 1) for who in range(8)])
    return Trial(crops, people, pairs, embed, COMPARE, THRESHOLD, USUAL.window)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_steps_go_from_mild_to_strong_and_end_in_a_warning(name: str, crop: np.ndarray) -> None:
    way = DEGRADATIONS[name]
    assert Seen(crop, USUAL.window).flags() == set()
    seen = [way.spoil(crop, step, USUAL.window) for step in way.steps]
    change = [float(np.abs(one.crop.astype(float) - crop).mean()) for one in seen]
    assert change == sorted(change) and change[0] > 0
    assert all(one.crop.shape == crop.shape and one.crop.dtype == np.uint8 for one in seen)
    assert seen[-1].flags() & set(way.flags)


def test_light_that_is_too_much_stays_white(crop: np.ndarray) -> None:
    brighter = spoiling.relit(crop, 2, USUAL.window).crop
    assert (brighter[crop >= 128] == 255).all()
    np.testing.assert_array_equal(brighter[crop < 128], crop[crop < 128] * 2)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return trial().report()


def test_errors_by_a_slow_loop(report: dict[str, Any]) -> None:
    found, name = trial(), "darker: light times"
    for row in report["degradations"][name]["steps"][::2]:
        genuine, impostor = [], []
        for a, (_, b) in ((a, pair) for a in range(16) for pair in found.pairs.tolist()):
            spoilt = spoiling.relit(found.crops[b], row["step"], USUAL.window).crop
            logit = COMPARE(embed(found.crops[[a]]), embed(spoilt[None]))[0]
            if [a, b] in found.pairs.tolist():
                genuine.append(logit < THRESHOLD)
            elif a // 2 != b // 2:
                impostor.append(logit >= THRESHOLD)
        assert (row["fnmr"]["errors"], row["fnmr"]["trials"]) == (sum(genuine), 8)
        assert row["fmr"] == pytest.approx(np.mean(impostor))


def test_the_first_harmful_step_is_the_first_with_half_as_many_errors_again(
    report: dict[str, Any],
) -> None:
    untouched = report["untouched"]["fnmr"]["value"]
    harmful = 0
    for way in report["degradations"].values():
        rates = [(row["step"], row["fnmr"]["value"]) for row in way["steps"]]
        bad = [step for step, rate in rates if rate > untouched and rate >= 1.5 * untouched]
        assert way["first_harmful_step"] == (bad[0] if bad else None)
        harmful += bool(bad)
    assert harmful > 3


def test_strangers_of_another_collection_do_not_count() -> None:
    """Two collections of two people; all strangers of the other would be matches."""
    whole = trial()
    bright = whole.crops.copy()
    bright[8:] = bright[:8]  # the other collection shows the same fields under other names
    apart = Collection.named(whole.people.identities, ["one"] * 8 + ["two"] * 8)
    rates = []
    for known in (whole.people, apart):
        trial_of_them = Trial(bright, known, whole.pairs, embed, COMPARE, THRESHOLD, USUAL.window)
        whole_crops = [Seen(crop, USUAL.window) for crop in bright[1::2]]
        rates.append(trial_of_them.row(embed(bright), whole_crops, ())["fmr"])
    assert rates[0] > rates[1] == 0


def test_warned_of_photos_are_set_apart() -> None:
    blurred, dark = {Flag.BLURRED}, {Flag.TOO_DARK, Flag.BLURRED}
    flags = {"a": blurred, "b": set(), "c": dark, "d": set(), "e": set()}
    pairs = [
        Pair("a", "b", True), Pair("b", "c", True), Pair("b", "d", True), Pair("a", "d", False),
        Pair("b", "d", False), Pair("c", "gone", True), Pair("e", "gone", False),
    ]  # fmt: skip
    scores = np.array([1.0, -1.0, 1.0, 1.0, -1.0, np.nan, np.nan])
    report = warnings.by_warning(flags, pairs, scores, 0.0)
    assert report["photos"] == 4
    blur = report["blurred"]
    assert (blur["photos"], blur["fnmr"]["errors"], blur["fnmr"]["trials"]) == (2, 1, 2)
    assert (blur["fmr"]["errors"], blur["fmr"]["trials"]) == (1, 1)
    assert (report["too_dark"]["photos"], report["too_dark"]["fnmr"]["trials"]) == (1, 1)
    none = report["none"]
    assert (none["photos"], none["fnmr"]["trials"], none["fnmr"]["errors"]) == (2, 1, 0)
    assert none["fmr"]["trials"] == 1
    assert report["cut_off"]["fnmr"]["trials"] == 0


def test_real_faces_are_warned_of_once_they_are_spoiled(faces_data: Path, tmp_path: Path) -> None:
    """Of thirty real crops nearly none as it is, nearly all after the strongest step."""
    pictures = calibration_pictures([faces_data / "train_fiw.zip"], Part.VALIDATION)[::24][:30]
    network = Siamese(NetworkConfig(embedding_size=16))
    plain = Checkpoint(network, CheckpointConfig(network.config), "0" * 64, "untrained")
    crops = Collection.read(pictures, plain.config, tmp_path).crops(96)
    assert sum(bool(Seen(crop, USUAL.window).flags()) for crop in crops) <= 0.1 * len(crops)
    for name, way in DEGRADATIONS.items():
        seen = [way.spoil(crop, way.steps[-1], USUAL.window).flags() for crop in crops]
        share = sum(bool(flags & set(way.flags)) for flags in seen) / len(crops)
        assert share >= 0.9, name
