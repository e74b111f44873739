"""Calibrate and evaluate from files to files, on a world of textures.

pytest tests/evaluation/test_evaluate.py
"""

import dataclasses
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.calibration import ANYBODY, DecisionRule, OperatingPoint, Population
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.commands import exit_codes
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Part, Picture, fingerprint, list_people, numbers
from siamese.data.split import calibration_pictures, fits
from siamese.errors import CheckpointError, InputError
from siamese.evaluation import bench, card, evaluate, fitting, protocols
from siamese.evaluation.bench import Bench, PhotoSet
from siamese.evaluation.card import rate as written
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import rate
from siamese.evaluation.protocols import (
    audit,
    explanations,
    grouping,
    identification,
    worse_photos,
)
from siamese.evaluation.protocols.families import family_pairs
from siamese.evaluation.protocols.identification import run_one_shot, run_pick
from siamese.evaluation.protocols.unusual_photos import upright_face
from siamese.faces.alignment import Alignment
from siamese.faces.detector import FaceDetector
from siamese.grouping import FALSE_JOINS, Joins
from siamese.network import NetworkConfig, Siamese
from siamese.training import populations
from siamese.training.calibrate import CROSS_VALIDATED, REPORTED_ON, calibrate
from siamese.verifier import Verifier
from tests import small_checkpoints
from tests.evaluation import world
from tests.evaluation.toys import check_folder
from tests.pictures import corners, encoded, portrait
from tests.reference import write_reference


@dataclasses.dataclass(frozen=True)
class Place:
    """Where things are."""

    data: Path
    cache: Path
    raw: Path
    calibrated: Path

    def load(self) -> Checkpoint:
        return checkpoint.load_folder(self.calibrated)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    root = tmp_path_factory.mktemp("world")
    found = Place(root / "data", root / "cache", root / "raw", root / "calibrated")
    world.make(found.data)
    world.raw_checkpoint(found.raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(populations, "MIN_PAIRS", 100)  # of this small world's relatives
        calibrate(found.raw, [found.data / "train_fiw.zip"], None, found.calibrated, found.cache)
    return found


def read(made: Checkpoint, pictures: Sequence[Picture], place: Place) -> Collection:
    return Collection.read(pictures, made.config, place.cache).embedded(made.network)


@pytest.fixture(scope="module")
def measured(place: Place) -> dict[str, Any]:
    """metrics.json of everything that is quick; config.json and the card are written too."""
    names = ["lfw", "open_set", "calibration_people", "families", "groups", "populations",
             "robustness", "audit"]  # fmt: skip
    return evaluate.evaluate(
        place.calibrated, place.data, None, names, place.cache, write_card=True
    )


def test_an_uncalibrated_checkpoint_is_not_measured(place: Place) -> None:
    with pytest.raises(CheckpointError, match="siamese calibrate"):
        evaluate.evaluate(place.raw, place.data, None, ["lfw"], place.cache)


def test_the_saved_network_is_calibrated_on_the_half_that_fits(place: Place) -> None:
    """Fitting again finds nothing left to correct."""
    loaded = place.load()
    pictures = calibration_pictures([place.data / "train_fiw.zip"], Part.CALIBRATION)
    half = read(loaded, pictures, place).of(fits)
    scores = Comparison.of(loaded.network).scores(draw_pairs(half), half.vectors)
    again = fitting.fit_platt(scores)
    assert again.scale == pytest.approx(1, abs=0.01)
    assert again.offset == pytest.approx(0, abs=0.02)
    rule = loaded.config.decision
    assert rule is not None
    for point in rule.operating_points:
        assert point.measured_on == REPORTED_ON
        assert point.threshold == pytest.approx(fitting.fit_thresholds(scores).points[point.name])
    distinct = Comparison.of(loaded.network).scores(draw_pairs(half).distinct(), half.vectors)
    assert rule.bounds == fitting.fit_bounds(distinct), "of pairs that fitted, each counted once"
    assert rule.default.name == "careful"
    assert loaded.config.calibration["people"] == len(set(half.identities))
    assert list(loaded.config.calibration["sources"]) == ["train_fiw.zip"]


def test_calibrating_again_changes_nothing(place: Place, tmp_path: Path) -> None:
    sources = [place.data / "train_fiw.zip"]
    again = calibrate(place.calibrated, sources, None, tmp_path / "again", place.cache)
    assert again.config.calibration["fit"]["scale"] == pytest.approx(1, abs=0.01)
    before, after = place.load().config.decision, again.config.decision
    assert before is not None and after is not None
    assert after.different_below == pytest.approx(before.different_below, abs=0.05)


def test_mirror_images_are_a_choice_of_calibration(place: Place, tmp_path: Path) -> None:
    """The probability is that of the mean embeddings; fitting these again changes nothing."""
    sources = [place.data / "train_fiw.zip"]
    found = calibrate(place.raw, sources, None, tmp_path / "m", place.cache, mirrored=True)
    half = read(found, calibration_pictures(sources, Part.CALIBRATION), place).of(fits)
    scores = Comparison.of(found.network).scores(draw_pairs(half), half.vectors)
    again = fitting.fit_platt(scores)
    assert (again.scale, again.offset) == (pytest.approx(1, abs=0.01), pytest.approx(0, abs=0.02))
    one_by_one = read(place.load(), half.pictures, place).vectors
    assert not np.allclose(half.vectors, one_by_one, rtol=1e-3)
    assert found.config.network.mirrored and found.network.config.mirrored
    evaluate.evaluate(tmp_path / "m", place.data, None, ["lfw"], place.cache, write_card=True)
    assert "its mirror image's" in (tmp_path / "m" / "README.md").read_text()
    for name, value in place.load().network.backbone.state_dict().items():
        assert torch.equal(value, found.network.backbone.state_dict()[name])
    as_before = calibrate(tmp_path / "m", sources, None, tmp_path / "2", place.cache)
    assert as_before.network.config.mirrored
    plain = calibrate(tmp_path / "m", sources, None, tmp_path / "3", place.cache, mirrored=False)
    assert not plain.network.config.mirrored


def test_contradicted_pictures_are_left_out_and_listed(place: Place, tmp_path: Path) -> None:
    sources = [place.data / "train_fiw.zip"]
    pictures = calibration_pictures(sources, Part.CALIBRATION)
    shown = [picture.identity for picture in pictures]
    shown[5] = shown[-1]
    teacher = write_reference(tmp_path / "reference.safetensors", pictures, shown)
    found = calibrate(place.raw, sources, teacher, tmp_path / "out", place.cache)
    assert found.config.calibration["teacher_sha256"] == fingerprint(teacher)
    assert found.config.calibration["excluded"] == [pictures[5].name]


def test_too_few_people_are_reported_before_anything_is_written(
    place: Place, tmp_path: Path
) -> None:
    names = {"one/1.webp": ("one", 1), "two/1.webp": ("two", 1)}
    world.write_zip(tmp_path / "few.zip", names, 128)
    with pytest.raises(InputError, match="people"):
        calibrate(place.raw, [tmp_path / "few.zip"], None, tmp_path / "out", place.cache)
    assert not (tmp_path / "out").exists()


def test_too_few_people_leave_the_old_rule(place: Place, tmp_path: Path) -> None:
    """In place: what was there stays, byte for byte."""
    shutil.copytree(place.calibrated, tmp_path / "made")
    names = {
        f"few{who}/{number}.webp": (f"few{who}", number) for who in range(9) for number in (1, 2)
    }
    world.write_zip(tmp_path / "few.zip", names, 128)
    before = small_checkpoints.files(tmp_path / "made")
    with pytest.raises(InputError, match=r"10 people .* there are 9\. .* 150 in all"):
        calibrate(
            tmp_path / "made", [tmp_path / "few.zip"], None, tmp_path / "made", tmp_path / "cache"
        )
    assert small_checkpoints.files(tmp_path / "made") == before


def test_ten_people_of_another_set_are_cross_validated(place: Place, tmp_path: Path) -> None:
    """All of them calibrate, whatever part the split would put them in; intervals are wide."""
    names = {
        f"own{who}/{number}.webp": (f"own{who}", number) for who in range(10) for number in range(4)
    }
    world.write_zip(tmp_path / "own.zip", names, 128)
    source = [tmp_path / "own.zip"]
    found = calibrate(place.raw, source, None, tmp_path / "made", tmp_path / "cache")
    record, rule = found.config.calibration, found.rule
    assert (record["cross_validated"], record["people"], record["pictures"]) == (True, 10, 40)
    assert record["sources_of_strangers"] == ["own.zip"]
    for point in rule.operating_points:
        assert point.measured_on == CROSS_VALIDATED
        assert (point.fnmr.trials, point.fmr.trials) == (10 * 6, 45 * 16)
        exact = rate(point.fmr.errors, point.fmr.trials)
        assert point.fmr.low <= exact.low and point.fmr.high > max(exact.high, 1 / 45)
        unlike = rule.unlike(point.threshold)
        assert unlike and (unlike.trials, unlike.measured_on) == (10 * 6, CROSS_VALIDATED)
        exact = rate(unlike.errors, unlike.trials)
        assert unlike.high - unlike.low > exact.high - exact.low
    assert rule.bounds is not None
    assert rule.bounds.log10_high <= np.log10(46) and rule.bounds.log10_low >= -np.log10(11)
    missing = protocols.PROTOCOLS["calibration_people"].missing(tmp_path, found.config)
    assert len(missing) == 1 and "all fitted" in missing[0]


def test_a_reason_for_no_licence_is_refused(place: Place, tmp_path: Path) -> None:
    source = str(place.data / "train_fiw.zip")
    words = ["calibrate", str(place.raw), str(tmp_path / "out"), "--data", source]
    assert cli.main([*words, "--license-reason", "They are mine."]) == exit_codes.INPUT_ERROR
    assert not (tmp_path / "out").exists()


def test_the_cache_is_where_it_was_asked_for(place: Place, tmp_path: Path) -> None:
    """Of `calibrate` and `evaluate`; that of `train` is used by its own tests."""
    made, cache = str(tmp_path / "made"), tmp_path / "cache"
    source = str(place.data / "train_fiw.zip")
    words = ["calibrate", str(place.raw), made, "--data", source, "--cache", str(cache)]
    assert cli.main(words) == 0
    kept = set(cache.glob("pixels-*.npy"))
    assert kept
    words = ["evaluate", made, "--data", str(place.data), "--protocol", "lfw"]
    words += ["--cache", str(cache), "--out", str(tmp_path / "out")]
    assert cli.main(words) == 0
    assert list(cache.glob("crops-*.npz"))


def test_only_write_card_touches_the_checkpoint(place: Place, tmp_path: Path) -> None:
    """By default the folder lies beside the data; measuring again goes on there."""
    folder, data = tmp_path / "made", tmp_path / "tests"
    shutil.copytree(place.calibrated, folder)
    data.mkdir()
    for name in ("lfw.zip", "lfw_pairs.txt"):
        (data / name).symlink_to(place.data / name)
    before = small_checkpoints.files(folder)
    for protocol in ("lfw", "warnings"):
        evaluate.evaluate(folder, data, protocols=[protocol], cache=place.cache)
    assert small_checkpoints.files(folder) == before
    (out,) = tmp_path.glob("tests-evaluated-*")
    assert out.name.endswith(place.load().sha256[:8])
    assert {"metrics.json", "README.md", "plots"} <= {path.name for path in out.iterdir()}
    assert set(json.loads((out / "metrics.json").read_text())["protocols"]) == {"lfw", "warnings"}
    with pytest.raises(InputError, match="say --write-card"):
        evaluate.evaluate(folder, data, folder, ["lfw"], place.cache)
    with pytest.raises(InputError, match="leave out --out"):
        evaluate.evaluate(folder, data, tmp_path / "x", ["lfw"], place.cache, write_card=True)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="name another --out"):
        evaluate.evaluate(folder, data, tmp_path / "file", ["lfw"], place.cache)


def test_a_protocol_is_one_file(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file beside the others is found and run; no other file names it."""
    (tmp_path / "counting.py").write_text(
        "from siamese.evaluation.bench import LFW\n"
        "from siamese.evaluation.protocol import Protocol\n"
        "def run(bench): return {'photos': len(bench.lfw.names)}\n"
        "PROTOCOLS = (Protocol('counting', run, (LFW,)),)\n"
    )
    monkeypatch.setattr(protocols, "__path__", [*protocols.__path__, str(tmp_path)])
    monkeypatch.setattr(evaluate, "PROTOCOLS", protocols.discover())
    out = tmp_path / "out"
    found = evaluate.evaluate(place.calibrated, place.data, out, ["counting"], place.cache)
    assert found["protocols"] == {"counting": {"photos": 160}}
    assert set(found["data"]) == {"lfw.zip"}


def test_metrics_are_of_these_weights_and_files(place: Place, measured: dict[str, Any]) -> None:
    on_disk = json.loads((place.calibrated / checkpoint.METRICS).read_text())
    assert on_disk == json.loads(json.dumps(measured))
    assert on_disk["weights_sha256"] == place.load().sha256
    assert set(on_disk["data"]) == {
        "lfw.zip", "lfw_pairs.txt", "test_groups.zip", "train_fiw.zip",
    }  # fmt: skip
    assert on_disk["protocols"]["lfw"]["pairs"] == 48
    assert on_disk["protocols"]["lfw"]["accuracy"] > 0.7


def test_the_figures_are_those_of_the_product(place: Place, measured: dict[str, Any]) -> None:
    """Scores of a few pairs through Verifier, threshold by threshold, give the same counts."""
    assert measured
    verifier = Verifier.from_pretrained(place.calibrated)
    bench = Bench(place.load(), place.data, place.calibrated, place.cache)
    photos = dict(PhotoSet(place.data / "lfw.zip", bench.lfw.names).read())
    for row in (0, 11, 12, 30):
        pair = bench.pairs[row]
        answer = verifier.verify(photos[pair.a], photos[pair.b])
        assert answer.logit == pytest.approx(bench.lfw_scores[row], abs=1e-4)


def test_measured_rates_reach_the_answers(place: Place, measured: dict[str, Any]) -> None:
    rule = place.load().config.decision
    assert rule is not None
    for point in rule.operating_points:
        assert point.to_dict() == measured["protocols"]["lfw"]["operating_points"][point.name]
        assert point.measured_on == "LFW View 2"
        # The curve counts at the thresholds what the rates count, up to its step.
        similar = rule.similar(point.threshold)
        assert similar is not None and similar.measured_on == "LFW View 2"
        assert point.fmr.errors <= similar.errors <= max(1, 1.3 * point.fmr.errors)
        unlike = rule.unlike(point.threshold)
        assert unlike is not None and unlike.measured_on == "LFW View 2"
        assert point.fnmr.errors <= unlike.errors <= max(1, 1.3 * point.fnmr.errors)


def test_what_was_counted_among_relatives_reaches_the_answers(
    place: Place, measured: dict[str, Any]
) -> None:
    """On families of which nothing was fitted, beside what was fitted on the others."""
    rule, report = place.load().rule, measured["protocols"]["populations"]["relatives"]
    (relatives,) = rule.populations
    for point in relatives.operating_points:
        assert point.to_dict() == report["operating_points"][point.name]
        assert "LFW View 2" in point.measured_on and point.fnmr.trials == 24
        assert point.fmr.trials == report["impostor_pairs"]
    assert relatives.false_matches.to_dict() == report["false_matches"]
    assert relatives.false_non_matches is not None
    assert relatives.false_non_matches.to_dict() == report["false_non_matches"]
    names = ("Star_0/Star_0_0001.jpg", "Star_0/Star_0_0002.jpg")
    pair = [photo for _, photo in PhotoSet(place.data / "lfw.zip", names).read()]
    verifier = Verifier.from_pretrained(place.calibrated)
    anybody, named = (verifier.verify(*pair, population=name) for name in ("anybody", "relatives"))
    assert named.logit == pytest.approx(relatives.scale * anybody.logit + relatives.offset)
    assert (anybody.population, named.population) == ("anybody", "relatives")
    assert set(anybody.false_matches_among) == {"relatives"} and not named.false_matches_among
    assert named.likelihood_ratio_bounds == relatives.bounds
    card = (place.calibrated / "README.md").read_text()
    said = written(report["operating_points"]["careful"]["fmr"])
    assert "## Who else it could be" in card and "| relatives | " in card and said in card


def test_rates_of_photos_that_are_warned_of_reach_the_answers(place: Place, tmp_path: Path) -> None:
    made, before = tmp_path / "made", place.load()
    rule = before.rule
    assert rule.false_matches and rule.bounds
    own = Population(ANYBODY, 0.5, -0.5, rule.operating_points, -2.0, rule.false_matches,
                     rule.bounds, warned=True)  # fmt: skip
    shutil.copytree(place.calibrated, made)
    complete = dataclasses.replace(rule, populations=(*rule.populations, own))
    checkpoint.write_config(
        made, dataclasses.replace(before.config, decision=complete), before.sha256
    )
    names = ["lfw", "warned"]
    assert "warned" in evaluate.choose(None, place.data, checkpoint.load_folder(made).config)
    found = evaluate.evaluate(made, place.data, None, names, place.cache, write_card=True)
    report, raised = found["protocols"]["warned"], checkpoint.load_folder(made).rule
    for point in raised.among(ANYBODY, warned=True).operating_points:
        assert point.to_dict() == report["operating_points"][point.name]
        assert point.measured_on == "LFW View 2, one photo of each pair spoiled"
    assert raised.populations[:-1] == rule.populations
    plain = report["as_without_warning"]["operating_points"]["careful"]["fnmr"]["value"]
    assert plain > found["protocols"]["lfw"]["operating_points"]["careful"]["fnmr"]["value"]
    assert "Answers on photos that are warned of" in (made / "metrics.html").read_text()
    assert (made / "plots/warned/reliability.png").exists()


def test_the_card_holds_every_section_and_no_path(place: Place, measured: dict[str, Any]) -> None:
    card = (place.calibrated / "README.md").read_text()
    accuracy = measured["protocols"]["lfw"]["accuracy"]
    assert f"{100 * accuracy:.2f} %" in card
    assert place.load().sha256 in card
    for title in ("Figures", "Probability", "Limits", "What it must not be used for", "Data",
                  "How it was made"):  # fmt: skip
        assert f"\n## {title}\n" in card
    details = (place.calibrated / "metrics.html").read_text()
    assert "<td>LFW View 2 (pipeline)</td>" in details.partition("minimum Cllr")[2]
    for title in ("Probability", "Families", "False matches by group", "Audit", "Every command"):
        assert f"<h2>{title}</h2>" in details
    assert str(place.data.parent) not in card + details
    for name in ("roc", "det", "reliability", "scores", "tippett", "people/cross_entropy"):
        assert f"plots/{name}.png" in details
        assert (place.calibrated / f"plots/{name}.png").stat().st_size > 5000


def test_the_audit_finds_nothing_until_something_is_wrong(
    place: Place, measured: dict[str, Any]
) -> None:
    found = measured["protocols"]["audit"]
    assert found["changed_files"] == found["stages_of_other_pictures"] == []
    assert found["look_alikes"]["training_pictures"] == 80
    assert check_folder(place.calibrated) == []
    path = place.calibrated / checkpoint.METRICS
    before = path.read_text()
    try:
        changed = json.loads(before)
        changed["weights_sha256"] = "0" * 64
        changed["protocols"]["lfw"]["operating_points"]["balanced"]["threshold"] += 1
        path.write_text(json.dumps(changed))
        wrong = check_folder(place.calibrated)
    finally:
        path.write_text(before)
    assert len(wrong) == 2 and "other weights" in wrong[0] and "balanced" in wrong[1]


def test_a_stage_that_used_others_than_the_training_part_is_noticed(
    place: Place, tmp_path: Path
) -> None:
    made = {"objective": "verify", "split": "people", "sources": {"train_fiw.zip": ""}}
    right = {**made, "people": 20, "pictures": 80, "command": "right"}
    everybody = {**made, "people": 190, "pictures": 760, "command": "everybody"}
    average = {"objective": "average", "command": "average"}
    config = dataclasses.replace(place.load().config, training=(right, average, everybody, right))
    assert audit.recounted_stages(config, place.data, place.cache) == (3, ["everybody"])
    assert audit.recounted_stages(config, tmp_path, place.cache) == (0, [])


def test_a_stage_beside_a_teacher_is_counted_with_it(place: Place, tmp_path: Path) -> None:
    """Of 20 people one has a picture that shows somebody held out: 19 were trained on."""
    names = world.people_of(Part.TRAIN, 20, "p{}") + world.people_of(Part.VALIDATION, 3, "p{}")
    pictures = {f"{name}/{n}.webp": (name, n) for name in names for n in range(3)}
    world.write_zip(tmp_path / "train_fiw.zip", pictures, 128)
    stored = list_people([tmp_path / "train_fiw.zip"])
    shown = [names[-1] if p.name == f"{names[0]}/1.webp" else p.identity for p in stored]
    write_reference(tmp_path / "r.safetensors", stored, shown)
    teacher = fingerprint(tmp_path / "r.safetensors")
    made = {"objective": "verify", "people": 19, "pictures": 57, "command": "taught"}
    taught = {**made, "sources": {"train_fiw.zip": "", "old.npz": ""}, "teacher_sha256": teacher}
    lacking = {**taught, "teacher_sha256": "0" * 64}
    config = dataclasses.replace(place.load().config, training=(taught, lacking))
    assert audit.recounted_stages(config, tmp_path, tmp_path / "cache") == (1, [])


def test_changed_data_are_noticed(place: Place, tmp_path: Path) -> None:
    named = audit.named_files(place.load().config)
    path = tmp_path / "train_fiw.zip"
    path.write_bytes((place.data / "train_fiw.zip").read_bytes() + b"x")
    assert audit.changed_files(named, {"train_fiw.zip": path}) == ["train_fiw.zip"]
    whole = {"train_fiw.zip": place.data / "train_fiw.zip"}
    assert audit.changed_files(named, whole) == []


def test_look_alikes_by_slow_loops() -> None:
    random = np.random.default_rng(0)
    rows, others = random.normal(size=(9, 4)), random.normal(size=(7, 4))
    compare = Comparison(np.array([0.1, 0.2, 0.3, 0.4]), 1.0)
    best, which = audit.nearest(compare, rows, others)
    for row in range(9):
        logits = [compare(rows[row : row + 1], other[None])[0] for other in others]
        assert best[row] == pytest.approx(max(logits))
        assert which[row] == int(np.argmax(logits))


def test_one_protocol_again_keeps_the_others(place: Place, tmp_path: Path) -> None:
    first = evaluate.evaluate(place.calibrated, place.data, tmp_path, ["lfw"], place.cache)
    second = evaluate.evaluate(place.calibrated, place.data, tmp_path, ["groups"], place.cache)
    assert set(second["protocols"]) == {"lfw", "groups"}
    assert second["protocols"]["lfw"] == first["protocols"]["lfw"]
    other = json.loads((tmp_path / checkpoint.METRICS).read_text()) | {"weights_sha256": "0" * 64}
    (tmp_path / checkpoint.METRICS).write_text(json.dumps(other))
    third = evaluate.evaluate(place.calibrated, place.data, tmp_path, ["groups"], place.cache)
    assert set(third["protocols"]) == {"groups"}


def test_one_shot_and_pick_run_from_files(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identification, "WAYS", (5,))
    monkeypatch.setattr(identification, "TRIALS", 500)
    bench = Bench(place.load(), place.data, place.calibrated, place.cache)
    one, three = run_one_shot(bench)
    assert (one["ways"], one["shots"], three["shots"]) == (5, 1, 3)
    assert one["correct"]["value"] > 2 * one["chance"]
    for row in run_pick(bench):
        shares = [row[name]["value"] for name in ("right_name", "wrong_name", "none")]
        assert sum(shares) == pytest.approx(1)


def test_a_sorted_folder_is_measured(place: Place) -> None:
    """By the groups that the product makes of the same photos."""
    bench = Bench(place.load(), place.data, place.calibrated, place.cache)
    found = grouping.run(bench)
    counts = Counter(bench.lfw_people)
    rows = [k for k, who in enumerate(bench.lfw_people) if counts[who] >= 4]
    vectors = bench.lfw.vectors[rows]
    joins = Joins.of(bench.compare.matrix(vectors, vectors))
    labels = joins.labels(joins.within(FALSE_JOINS, bench.rule))
    people = numbers([bench.lfw_people[k] for k in rows])
    precision, recall = grouping.b_cubed(labels, people)
    assert found["b_cubed"]["precision"] == pytest.approx(precision)
    assert found["b_cubed"]["recall"] == pytest.approx(recall)
    assert found["photos"] == len(rows) and 0 < found["b_cubed"]["f"] <= 1
    assert found["groups"] == len(set(labels.tolist()))


def test_only_an_upright_face_is_an_upright_face() -> None:
    """A lying one would be measured against landmarks that lie."""
    detector, photo = FaceDetector(), np.asarray(portrait())
    assert upright_face(detector, photo) is not None
    assert upright_face(detector, np.rot90(photo).copy()) is None
    assert upright_face(detector, np.full_like(photo, 128)) is None


def test_quality_and_explanations_run_from_files(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worse_photos, "SPOILED", 12)
    monkeypatch.setattr(explanations, "EXPLAINED", 1)
    names = ["worse_photos", "unusual_photos", "warnings", "discard", "explanations"]
    found = evaluate.evaluate(place.calibrated, place.data, tmp_path, names, place.cache)[
        "protocols"
    ]
    assert found["worse_photos"]["untouched"]["fnmr"]["trials"] == 12
    assert found["unusual_photos"]["photos"] >= found["unusual_photos"]["without_face"] > 0
    assert found["warnings"]["none"]["photos"] == found["warnings"]["photos"] > 40
    assert found["explanations"]["pairs"] == 4  # of each kind one in each of two folds
    curves = found["discard"]["curves"]
    assert {rates[0] for rates in curves.values()} == {found["discard"]["fnmr"]["value"]}
    assert (tmp_path / "plots" / "discard.png").exists()
    details = (tmp_path / "metrics.html").read_text()
    spoiled = (*found["worse_photos"]["degradations"], *found["unusual_photos"]["measures"])
    for name in (*spoiled, *curves):
        assert f"<td>{name}</td>" in details
    assert "<h2>Warnings</h2>" in details and "<h2>Explanations</h2>" in details
    assert "<td>low_score</td>\n<td>0</td>" in details


def test_families_pair_relatives_and_nobody_else() -> None:
    names = ["F1_MID1", "F1_MID1", "F1_MID2", "F2_MID1", "F1_MID2"]
    kin, genuine = family_pairs(names)
    assert {tuple(row) for row in kin.tolist()} == {(0, 2), (0, 4), (1, 2), (1, 4)}
    assert {tuple(row) for row in genuine.tolist()} == {(0, 1), (2, 4)}


def test_what_cannot_be_run_is_reported(place: Place, tmp_path: Path) -> None:
    config = place.load().config
    with pytest.raises(InputError, match="Unknown protocol 'juggling'"):
        evaluate.choose(["juggling"], place.data, config)
    with pytest.raises(InputError, match=r"needs lfw\.zip"):
        evaluate.choose(["one_shot"], tmp_path, config)
    with pytest.raises(InputError, match="none of the test sets"):
        evaluate.choose(None, tmp_path, config)
    with pytest.raises(InputError, match="does not exist"):
        evaluate.choose(None, tmp_path / "nowhere", config)
    assert evaluate.choose(["groups", "lfw"], place.data, config) == ["groups", "lfw"]
    with pytest.raises(InputError, match=r"No card shows protocol pairs"):
        evaluate.choose(["pairs"], place.data, config, write_card=True)
    everything = set(evaluate.choose(None, place.data, config))
    assert everything == set(evaluate.PROTOCOLS) - {"pairs", "omniglot", "warned"}
    with pytest.raises(InputError, match="needs a checkpoint calibrated for photos that are warn"):
        evaluate.choose(["warned"], place.data, config)


def test_tests_alone_are_enough(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The README's recipe: the people who trained and calibrated lie elsewhere."""
    data, out = tmp_path / "tests", tmp_path / "out"
    data.mkdir()
    for name in ("lfw.zip", "lfw_pairs.txt"):
        (data / name).symlink_to(place.data / name)
    quick = ("lfw", "calibration_people", "worse_photos", "unusual_photos", "audit")
    monkeypatch.setattr(evaluate, "PROTOCOLS", {name: evaluate.PROTOCOLS[name] for name in quick})
    found = evaluate.evaluate(place.calibrated, data, out, cache=place.cache)
    assert set(found["protocols"]) == {"lfw"}
    assert set(found["data"]) == {"lfw.zip", "lfw_pairs.txt"}
    for name in ("calibration_people", "worse_photos", "unusual_photos"):
        with pytest.raises(InputError) as raised:
            evaluate.evaluate(place.calibrated, data, out, [name], place.cache)
        assert str(raised.value) == (
            f"Protocol {name} needs a source that the checkpoint was calibrated on"
            f" (train_fiw.zip) in {data}."
        )


def test_the_sources_that_were_read_are_named(place: Place, tmp_path: Path) -> None:
    """Whatever they are called: no protocol asks for a zip by its name."""
    data, made = tmp_path / "data", tmp_path / "made"
    data.mkdir()
    (data / "people.zip").symlink_to(place.data / "train_fiw.zip")
    calibrate(place.raw, [data / "people.zip"], None, made, place.cache)
    config = checkpoint.load_folder(made).config
    assert {"calibration_people", "worse_photos"} <= set(evaluate.choose(None, data, config))
    names = ["calibration_people"]
    found = evaluate.evaluate(made, data, tmp_path / "out", names, place.cache)
    assert found["data"] == config.calibration["sources"]


@pytest.mark.parametrize(
    ("detector", "channels", "subject"),
    [("mtcnn", 3, "faces"), ("none", 3, "faces"), ("none", 1, "drawings")],
)
def test_what_a_checkpoint_compares(detector: str, channels: int, subject: str) -> None:
    config = CheckpointConfig(NetworkConfig(channels=channels), detector)
    assert card.subject_of(config) == subject


def test_a_killed_run_goes_on_where_it_stopped(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "PIECE", 10)
    loaded = place.load()
    names = tuple(f"Star_{who}/Star_{who}_0001.jpg" for who in range(25))
    photos = bench.PhotoSet(place.data / "lfw.zip", names)
    whole = bench.find_crops(loaded, photos, tmp_path / "whole")
    part = bench.find_crops(loaded, photos, tmp_path / "part")
    pieces = sorted((tmp_path / "part").glob("*.npz"))
    assert len(pieces) == 3
    pieces[1].unlink()
    seen: list[str] = []
    real = bench.find_face
    monkeypatch.setattr(
        bench, "find_face", lambda d, s, name: (seen.append(name), real(d, s, name))[1]
    )
    part = bench.find_crops(loaded, photos, tmp_path / "part")
    assert seen == list(names[10:20])
    np.testing.assert_array_equal(part.pixels, whole.pixels)
    changed = bench.find_crops(
        loaded, photos, tmp_path / "part", ("black", lambda p: p.point(lambda _: 0))
    )
    assert not changed.pixels.any()


def test_photos_are_processed_as_the_product_does(tmp_path: Path) -> None:
    """A real portrait, twice as large as LFW's, and a picture without a face, by the detector."""
    torch.manual_seed(0)
    network = Siamese(NetworkConfig(embedding_size=32)).eval()
    point = OperatingPoint("balanced", 0.0, rate(1, 10), rate(1, 10), "nothing")
    config = CheckpointConfig(network.config, decision=DecisionRule((point,), -1.0))
    checkpoint.save(tmp_path / "checkpoint", network, config)
    (tmp_path / "portrait.png").write_bytes(encoded(portrait()))
    (tmp_path / "corners.png").write_bytes(encoded(corners()))
    photos = bench.PhotoSet(tmp_path, ("portrait.png", "corners.png"))
    loaded = checkpoint.load_folder(tmp_path / "checkpoint")
    found = bench.embed_photos(loaded, photos, tmp_path / "cache")
    assert found.failures() == ["corners.png"]
    expected = Verifier(loaded).embed([tmp_path / "portrait.png"])
    np.testing.assert_allclose(found.vectors[:1], expected, atol=1e-6)


def test_warnings_of_cached_crops_are_those_of_the_product(tmp_path: Path) -> None:
    portrait().transpose(Image.Transpose.ROTATE_90).save(tmp_path / "lying.png")
    (tmp_path / "corners.png").write_bytes(encoded(corners()))
    photos = bench.PhotoSet(tmp_path, ("lying.png", "corners.png"))
    network = Siamese(NetworkConfig(embedding_size=32)).eval()
    point = OperatingPoint("balanced", 0.0, rate(1, 10), rate(1, 10), "nothing")
    config = CheckpointConfig(network.config, decision=DecisionRule((point,), -1.0))
    loaded = checkpoint.Checkpoint(network, config, "0" * 64, "untrained")
    first = bench.find_crops(loaded, photos, tmp_path / "cache")
    verifier = Verifier(loaded)
    seen = verifier.find(tmp_path / "lying.png")
    expected = verifier.verify(seen, seen).first.warnings
    assert "turned" in {warning.code.value for warning in expected}
    for crops in (first, bench.find_crops(loaded, photos, tmp_path / "cache")):
        assert crops.warnings(0, Alignment().window) == expected
        assert crops.warnings(1, Alignment().window) == ()


def test_another_version_of_the_detector_empties_the_cache(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = bench.PhotoSet(place.data / "lfw.zip", ("Star_0/Star_0_0001.jpg",))
    for version, kept in ((1, 1), (1, 1), (2, 2)):
        monkeypatch.setattr(bench, "CROPS_VERSION", version)
        bench.find_crops(place.load(), photos, tmp_path)
        assert len(list(tmp_path.glob("crops-*.npz"))) == kept
