"""Photos in, answers out: the real detector on one public portrait, a tiny network where the
answer itself does not matter, counted work, and real people where the data is there."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ImageFilter
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

from siamese import Gallery, Verifier
from siamese.calibration import (
    ANYBODY,
    Bounds,
    DecisionRule,
    ErrorCurve,
    OperatingPoint,
    Population,
    Rate,
    probability,
)
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.errors import CheckpointError, ImageError, InputError, NoFaceError
from siamese.faces.detector import Face
from siamese.network import Head, NetworkConfig, Siamese
from siamese.photos import Photo
from siamese.support import is_gallery
from tests.pictures import encoded, portrait

ROOT = Path(__file__).parent.parent
RATE = Rate(30, 3000, 0.0068, 0.0142)
RULE = DecisionRule(
    (
        OperatingPoint("balanced", 0.0, RATE, RATE, "nothing"),
        OperatingPoint("careful", 0.9, RATE, RATE, "nothing"),
    ),
    different_below=-1.0,
)


def tiny(detector: str = "none", rule: DecisionRule | None = RULE) -> Checkpoint:
    """A network that tells pictures apart by their grey values; untrained, but real."""
    torch.manual_seed(0)
    config = NetworkConfig("compact", 32, 3, 16)
    network = Siamese(config).eval()
    network.fold(8.0, 0.0)
    return Checkpoint(network, CheckpointConfig(config, detector, decision=rule), "0" * 64, "tiny")


class Counting:
    """Wraps a detector and counts what it is asked for."""

    def __init__(self, inner: object) -> None:
        self.inner, self.seen = inner, []  # type: ignore[var-annotated]

    def detect(self, photos: Sequence[Photo], more: bool = False) -> list[list[Face]]:
        self.seen.extend(photo.caption.name for photo in photos)
        return self.inner.detect(photos, more)  # type: ignore[attr-defined, no-any-return]

    def sharpen(self, photo: Photo, faces: Sequence[Face]) -> list[Face]:
        return self.inner.sharpen(photo, faces)  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def verifier() -> Verifier:
    return Verifier(tiny())


def colour(value: int, shade: int = 0) -> np.ndarray:
    picture = np.full((40, 40, 3), value, np.uint8)
    picture[:20] = shade
    return picture


def test_a_picture_with_itself_gets_the_highest_probability(verifier: Verifier) -> None:
    itself = verifier.verify(colour(90), colour(90))
    other = verifier.verify(colour(90), colour(200, 90))
    assert itself.logit >= other.logit
    assert itself.logit == pytest.approx(8.0)
    assert itself.decision == "same"


def test_order_does_not_matter(verifier: Verifier) -> None:
    one = verifier.verify(colour(90), colour(200))
    two = verifier.verify(colour(200), colour(90))
    assert (one.logit, one.probability) == (two.logit, two.probability)


def test_the_prior_moves_the_probability_and_never_the_decision(verifier: Verifier) -> None:
    answers = [verifier.verify(colour(9), colour(200), prior=p) for p in (0.01, 0.5, 0.99)]
    assert len({answer.decision for answer in answers}) == 1
    assert answers[0].probability < answers[1].probability < answers[2].probability
    assert answers[0].probability == pytest.approx(probability(answers[0].logit, 0.01))


def test_a_photo_that_is_warned_of_is_judged_by_its_own_rule() -> None:
    """For a pair and for a pick, and by the warnings of the faces that were compared."""
    curve = ErrorCurve("blurred toys", 50, ((-40.0, 50, 0.9, 1.0), (40.0, 0, 0.0, 0.08)))
    point = OperatingPoint("careful", 30.0, RATE, RATE, "blurred toys")
    bounds = Bounds(-1.0, 1.0, 9, 99)
    own = Population(ANYBODY, 0.5, -1.0, (point,), -30.0, curve, bounds, warned=True)
    verifier = Verifier(tiny("mtcnn", replace(RULE, populations=(own,))))
    sharp, soft = portrait(), portrait().filter(ImageFilter.GaussianBlur(6))
    clear, doubtful = verifier.verify(sharp, sharp), verifier.verify(sharp, soft)
    assert (clear.warned, clear.operating_point) == (False, RULE.default)
    assert "blurred" in {warning.code for warning in doubtful.second.warnings}
    assert doubtful.warned and doubtful.operating_point == point
    assert (doubtful.decision, doubtful.reason) == ("uncertain", "photo_quality")
    assert abs(doubtful.log10_likelihood_ratio) <= 1.0
    raw = verifier.all_pairs(sharp, soft).item()
    assert doubtful.logit == pytest.approx(0.5 * raw - 1.0)
    turned = verifier.verify(sharp, sharp.rotate(180))
    assert {warning.code for warning in turned.second.warnings} == {"turned"} and not turned.warned
    found = verifier.pick(soft, {"her": sharp})
    assert found.warned and found.operating_point == point and found.identity is None
    people = {"clear": sharp, "both": [sharp, soft], "soft": [soft, soft]}
    among = verifier.pick(sharp, people)
    assert not among.warned and among.operating_point == RULE.default
    gallery, _ = verifier.gallery(people)
    assert gallery.telling_little().tolist() == [False, False, True]
    means, counts = gallery.means()
    logits = verifier.logits(verifier.embed([sharp])[0], means)
    for one in among.ranking:
        place = [*people].index(one.identity)
        rule = verifier.rule.among(ANYBODY, one.identity == "soft")
        assert one.logit == pytest.approx(rule.identity_logit(logits, counts)[place], abs=1e-4)
    said = {one.identity: one.decision for one in among.ranking}
    assert said["soft"] == "uncertain" and said["clear"] == "same"
    shares = [one.probability for one in among.ranking]
    assert shares == sorted(shares, reverse=True) and among.identity == among.ranking[0].identity
    runners = sorted([*shares, among.none_probability])[-2:]
    assert among.margin == pytest.approx(runners[1] - runners[0])
    only = verifier.pick(sharp, {"soft": soft})
    assert only.warned and only.operating_point == point
    ratios = {one.identity: one.log10_likelihood_ratio for one in among.ranking}
    assert abs(ratios["soft"]) <= 1.0
    older = Verifier(tiny("mtcnn")).verify(sharp, soft)
    assert not older.warned and older.operating_point == RULE.default


def test_answers_are_json(verifier: Verifier) -> None:
    answer = verifier.verify(colour(9), colour(200), operating_point="careful").to_dict()
    assert json.loads(json.dumps(answer)) == answer
    assert answer["schema_version"] == 2 and answer["operating_point"]["name"] == "careful"
    assert answer["checkpoint"] == {"source": "tiny", "sha256": "0" * 64}
    pick = verifier.pick(colour(9), {"a": colour(10), "b": colour(200)}).to_dict()
    assert json.loads(json.dumps(pick)) == pick


def test_a_network_that_was_never_calibrated_is_refused() -> None:
    with pytest.raises(CheckpointError, match="has not been calibrated"):
        Verifier(tiny(rule=None))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prior": 1.0}, "prior"),
        ({"operating_point": "strict"}, "balanced, careful"),
        ({"second_face": 3}, "the second photo, which has 1"),
        ({"first_face": -1}, "the first photo"),
        ({"prior": "0.5"}, "must be a number between 0 and 1, not '0.5'"),
        ({"prior": True}, "must be a number between 0 and 1, not True"),
        ({"prior": None}, "must be a number between 0 and 1, not None"),
        ({"prior": float("nan")}, "it is nan"),
        ({"operating_point": 0.001}, "by its name, not as 0.001"),
        ({"first_face": "0"}, "by its number, not by '0'"),
        ({"second_face": 0.5}, "by its number, not by 0.5"),
    ],
)
def test_wrong_parameters_are_explained(
    verifier: Verifier, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        verifier.verify(colour(1), colour(2), **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", ["a.jpg", b"bytes", Path("a.jpg"), colour(1), None, 7])
def test_one_thing_is_not_a_list(verifier: Verifier, given: Any) -> None:
    for method in (verifier.embed, lambda pairs: list(verifier.verify_many(pairs))):
        with pytest.raises(InputError, match=r"takes a list of \w+, not one .*; put it in a list"):
            method(given)


@pytest.mark.parametrize("pair", [(colour(1),), (colour(1), colour(2), colour(3)), ()])
def test_a_pair_has_two_photos(verifier: Verifier, pair: Any) -> None:
    with pytest.raises(InputError, match="Pair 2 is not of two photos"):
        list(verifier.verify_many([(colour(1), colour(2)), pair]))


def test_an_unreadable_photo_is_named(verifier: Verifier, tmp_path: Path) -> None:
    path = tmp_path / "notes.jpg"
    path.write_text("not a photo")
    with pytest.raises(ImageError, match=r'second photo "notes\.jpg"'):
        verifier.verify(colour(1), path)


def test_pick_embeds_each_photo_once(verifier: Verifier) -> None:
    counting = Counting(verifier._detector)
    verifier._detector = counting
    support = {"ann": [colour(10), colour(20)], "bob": colour(200)}
    verifier.pick(colour(11), support)
    assert len(counting.seen) == 4
    gallery, _ = verifier.gallery(support)
    counting.seen.clear()
    verifier.pick(colour(11), gallery)
    assert len(counting.seen) == 1


def test_pick_finds_the_picture_itself_and_sums_to_one(verifier: Verifier) -> None:
    support = {str(value): colour(value, 255 - value) for value in range(0, 250, 50)}
    answer = verifier.pick(colour(100, 155), support, none_prior=0.2)
    assert answer.ranking[0].identity == "100"
    assert sum(c.probability for c in answer.ranking) + answer.none_probability == pytest.approx(1)
    shares = [candidate.probability for candidate in answer.ranking]
    assert shares == sorted(shares, reverse=True)


def test_the_operating_point_decides_between_a_name_and_none() -> None:
    """Somebody who is more probable than nobody, but not alike enough at the stricter point."""
    verifier = Verifier(tiny())
    support = {"ann": colour(2), "bob": colour(3)}
    logit = max(candidate.logit for candidate in verifier.pick(colour(1), support).ranking)
    limits = {"balanced": logit - 0.1, "careful": logit + 0.1}
    points = tuple(replace(p, threshold=limits[p.name]) for p in RULE.operating_points)
    asked = Verifier(tiny(rule=replace(RULE, operating_points=points)))
    loose = asked.pick(colour(1), support, none_prior=1e-9, operating_point="balanced")
    strict = asked.pick(colour(1), support, none_prior=1e-9, operating_point="careful")
    assert loose.identity == strict.ranking[0].identity and not loose.undecided
    assert strict.identity is None and strict.undecided
    assert [c.probability for c in loose.ranking] == [c.probability for c in strict.ranking]
    assert [strict.ranking[0].decision, loose.ranking[0].decision] == ["uncertain", "same"]


def test_nobody_is_named_who_is_more_probably_not_the_one() -> None:
    """Three names for one person: each alone would be called the same."""
    rule = replace(RULE, support_scales=((1.0, 30.0),))
    support = {name: colour(1) for name in ("ann", "anna", "anni")}
    found = Verifier(tiny(rule=rule)).pick(colour(1), support)
    assert {one.decision for one in found.ranking} == {"same"}
    assert found.ranking[0].probability == pytest.approx(1 / 3, abs=1e-6)
    assert found.identity is None and found.undecided


def test_none_of_these_wins_when_nobody_is_alike() -> None:
    rule = replace(RULE, support_scales=((1.0, -100.0),))
    answer = Verifier(tiny(rule=rule)).pick(colour(1), {"ann": colour(2)})
    assert answer.identity is None and answer.none_probability > 0.999
    assert answer.margin > 0.99


def test_a_bad_support_photo_is_reported_and_the_rest_goes_on(verifier: Verifier) -> None:
    whole = encoded(portrait(), "PNG")
    support = {"text": b"hello", "cut": whole[: len(whole) // 2], "fine": colour(50)}
    answer = verifier.pick(colour(50), support)
    assert [candidate.identity for candidate in answer.ranking] == ["fine"]
    assert {photo.identity for photo in answer.unusable} == {"text", "cut"}
    assert all(photo.code == "unreadable_image" for photo in answer.unusable)


def test_an_empty_support_set_is_refused(verifier: Verifier) -> None:
    for support in ({}, [], {"a": b"no picture"}, None, colour(1), b"no picture", {" ": colour(1)}):
        with pytest.raises(InputError, match="support set"):
            verifier.pick(colour(1), support)


def test_a_folder_is_a_support_set(verifier: Verifier, tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "cy" / "2020").mkdir(parents=True)
    for name in ("ann/1.png", "ann/2.png", "bob.png", "cy/2020/1.jfif", "dee", ".hidden.png"):
        (tmp_path / name).write_bytes(encoded(portrait().resize((50, 50))))
    for name in ("notes.txt", "ann/film.mp4", "ann/Thumbs.db", "ed.svg"):
        (tmp_path / name).write_text("no picture")
    answer = verifier.pick(colour(3), tmp_path)
    found = {candidate.identity: candidate.num_photos for candidate in answer.ranking}
    assert found == {"ann": 2, "bob": 1, "cy": 1, "dee": 1}
    assert [photo.photo for photo in answer.unusable] == ["ed.svg"]


def test_names_that_are_not_utf_8_can_be_printed_and_saved(
    verifier: Verifier, tmp_path: Path
) -> None:
    """Folders and files from an old disk; people whose names then read the same stay apart."""
    folder = tmp_path / "people"
    for name in (b"M\xe4ller/1.png", b"M\xfcller/1.png", b"Zo\xc3\xab.png", b"\xd5\xc5.png"):
        path = folder / os.fsdecode(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(portrait().resize((50, 50))))
    (folder / os.fsdecode(b"Zo\xc3\xab\xff.png")).write_bytes(b"no picture")
    gallery, unusable = verifier.gallery(folder)
    assert set(gallery.photos) == {"M?ller", "M?ller 2", "Zoë", "??"}
    assert [(left.identity, left.photo) for left in unusable] == [("Zoë?", "Zoë?.png")]
    gallery.save(tmp_path / "people.gallery")
    again = Gallery.load(tmp_path / "people.gallery")
    answer = verifier.pick(colour(3), again)
    json.dumps(answer.to_dict(), ensure_ascii=False).encode()
    assert {candidate.identity for candidate in answer.ranking} == set(gallery.photos)
    listed = verifier.pick(colour(3), sorted(path for path in folder.iterdir() if path.is_file()))
    assert {candidate.identity for candidate in listed.ranking} == {"Zoë", "??"}


def test_a_gallery_is_written_whole_or_not_at_all(verifier: Verifier, tmp_path: Path) -> None:
    path, link = tmp_path / "people.gallery", tmp_path / "link"
    old, _ = verifier.gallery({"ann": colour(1)})
    old.save(path)
    link.hardlink_to(path)  # shows whether the old file itself is written on
    new = old.add("bob", old.photos["ann"])
    new.save(path)
    assert len(Gallery.load(path)) == 2 and len(Gallery.load(link)) == 1
    assert sorted(tmp_path.iterdir()) == [link, path]
    with pytest.raises(InputError, match="cannot be written"):
        new.add("\udcff", old.photos["ann"]).save(path)
    (tmp_path / "people.gallery.part").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        old.save(path)
    assert len(Gallery.load(path)) == 2


def test_photos_in_a_list_are_named_by_their_files(verifier: Verifier, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("carl.png", "a/image.jpg", "b/image.jpg", "image 3.jpg")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(encoded(portrait().resize((50, 50))))
    answer = verifier.pick(colour(3), [*paths, colour(4), paths[1]])
    found = {c.identity: c.num_photos for c in answer.ranking}
    assert found == {"carl": 1, "image": 4, "person 5": 1}


def test_a_gallery_survives_the_disk(verifier: Verifier, tmp_path: Path) -> None:
    gallery, _ = verifier.gallery({"Zoë": [colour(1), colour(2)], "a/b": colour(200)})
    gallery.save(tmp_path / "people.safetensors")
    again = Gallery.load(tmp_path / "people.safetensors")
    assert list(again.photos) == ["Zoë", "a/b"] and again.sha256 == gallery.sha256
    for name, rows in gallery.photos.items():
        assert np.array_equal(again.photos[name], rows)
    grown = again.add("new", verifier.embed([colour(9)])[0])
    assert len(grown) == 3 and len(again) == 2
    assert list(grown.remove("a/b").photos) == ["Zoë", "new"]
    with pytest.raises(InputError, match="not in the gallery"):
        again.remove("nobody")
    with pytest.raises(InputError, match="another checkpoint"):
        verifier.pick(colour(1), replace(again, sha256="1" * 64))
    (tmp_path / "junk").write_bytes(b"junk")
    with pytest.raises(InputError, match="not a gallery"):
        Gallery.load(tmp_path / "junk")


def tampered(change: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors and the names of a gallery of the tiny network in which something is wrong."""
    rows = {"00000000": np.ones((2, 16), np.float32), "00000001": np.ones((1, 16), np.float32)}
    names = {"sha256": "0" * 64, "00000000": "ann", "00000001": "bob"}
    if change == "one dimension":
        rows["00000001"] = np.ones(16, np.float32)
    if change == "three dimensions":
        rows["00000001"] = np.ones((1, 4, 4), np.float32)
    if change == "two lengths":
        rows["00000001"] = np.ones((1, 15), np.float32)
    if change == "another length":
        rows = {key: value[:, :8].copy() for key, value in rows.items()}
    if change == "no photo":
        rows["00000001"] = np.ones((0, 16), np.float32)
    if change == "not finite":
        rows["00000000"][1, 3] = np.nan
    if change == "huge":
        rows["00000000"][1, 3] = 3e38
    if change == "double":
        rows["00000001"] = np.ones((1, 16))
    if change == "integers":
        rows["00000001"] = np.ones((1, 16), np.int64)
    if change == "one name":
        names["00000001"] = "ann"
    if change == "no name":
        del names["00000001"]
    if change == "no weights":
        del names["sha256"]
    return rows, names


CHANGES = (
    "one dimension", "three dimensions", "two lengths", "another length", "no photo", "not finite",
    "huge", "double", "integers", "one name", "no name", "no weights",
)  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_tampered_gallery_is_a_sentence(change: str, verifier: Verifier, tmp_path: Path) -> None:
    rows, names = tampered("")
    save_file(rows, tmp_path / "good", metadata=names)
    assert len(Gallery.load(tmp_path / "good")) == 2
    rows, names = tampered(change)
    save_file(rows, tmp_path / "bad", metadata=names)
    with pytest.raises(InputError) as caught:
        verifier.pick(colour(1), Gallery.load(tmp_path / "bad"))
    assert str(caught.value).isprintable() and str(caught.value).endswith(".")


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float8_e5m2, torch.complex64])
def test_a_gallery_of_numbers_that_numpy_lacks(kind: torch.dtype, tmp_path: Path) -> None:
    _, names = tampered("")
    tensors = {key: torch.ones(1, 16).to(kind) for key in ("00000000", "00000001")}
    save_tensors(tensors, tmp_path / "bad", metadata=names)
    with pytest.raises(InputError, match="is damaged"):
        Gallery.load(tmp_path / "bad")


def test_names_in_a_gallery_do_nothing_to_a_terminal(tmp_path: Path) -> None:
    rows, names = tampered("")
    names |= {"00000000": "ann\x1b[2J\u202egpj", "00000001": "ann\x9b[2J\n"}
    save_file(rows, tmp_path / "people", metadata=names)
    assert list(Gallery.load(tmp_path / "people").photos) == ["ann?[2J?gpj", "ann?[2J?"]


def test_other_files_are_not_galleries(tmp_path: Path) -> None:
    """Nothing is unpickled, and nobody waits for a pipe to be written."""
    os.mkfifo(tmp_path / "pipe")
    np.savez(tmp_path / "numbers.npz", names=np.array(["ann"]), embedding=np.ones((1, 16)))
    np.savez(tmp_path / "objects.npz", names=np.array([{"a": 1}], dtype=object))
    (tmp_path / "garbage").write_bytes(bytes(range(256)) * 50)
    (tmp_path / "empty").touch()
    for path in tmp_path.iterdir():
        assert not is_gallery(path)
        with pytest.raises(InputError, match="is not a gallery"):
            Gallery.load(path)


def test_numbers_from_numpy_will_do(verifier: Verifier) -> None:
    found = verifier.verify(colour(1), colour(2), prior=np.float32(0.25), first_face=np.int64(0))
    assert found.to_dict()["prior"] == 0.25


def test_gallery_search_equals_pair_by_pair(verifier: Verifier) -> None:
    random = np.random.default_rng(0)
    rows = random.normal(size=(200, 16)).astype(np.float32)
    query = random.normal(size=16).astype(np.float32)
    with torch.no_grad():
        slow = [
            float(verifier._network.compare(torch.from_numpy(query), torch.from_numpy(row)))
            for row in rows
        ]
    np.testing.assert_allclose(verifier.logits(query, rows), slow, rtol=1e-4, atol=1e-4)


def test_a_large_gallery_is_searched_in_few_steps(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Means once for all searches, then one pass over the people, however many photos."""
    random = np.random.default_rng(1)
    photos = {
        f"person {i}": random.normal(size=(1 + i % 3, 16)).astype(np.float32) for i in range(600)
    }
    gallery = Gallery(photos, verifier.origin.sha256)
    means, counts = gallery.means()
    np.testing.assert_allclose(means, [rows.mean(axis=0) for rows in photos.values()], atol=1e-6)
    assert counts.tolist() == [len(rows) for rows in photos.values()]
    steps: list[tuple[int, ...]] = []
    search = Head.search

    def counted(self: Head, query: np.ndarray, rows: np.ndarray, near: np.ndarray) -> np.ndarray:
        steps.append(rows.shape)
        return search(self, query, rows, near)

    monkeypatch.setattr(Head, "search", counted)
    query = verifier.find(colour(90))
    answer = verifier.pick(query, gallery)
    assert steps == [(600, 16)]
    assert gallery.means()[0] is means
    raw = verifier.logits(verifier.embed([query])[0], means)
    expected = verifier.rule.identity_logit(raw, counts)
    found = {candidate.identity: candidate for candidate in answer.ranking}
    for k, identity in enumerate(photos):
        assert found[identity].logit == pytest.approx(expected[k], abs=1e-4)
        assert found[identity].num_photos == counts[k]


def test_support_photos_are_embedded_in_batches(
    verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    embed = Verifier._embed_crops

    def counted(self: Verifier, crops: np.ndarray) -> np.ndarray:
        sizes.append(len(crops))
        return embed(self, crops)

    monkeypatch.setattr(Verifier, "_embed_crops", counted)
    verifier.gallery([colour(value) for value in range(70)])
    assert sizes == [32, 32, 6]


def test_verify_many_goes_on_after_an_error(verifier: Verifier) -> None:
    answers = list(verifier.verify_many([(colour(1), b"junk"), (colour(1), colour(1))]))
    assert isinstance(answers[0], ImageError)
    assert not isinstance(answers[1], Exception) and answers[1].decision == "same"


def test_threads_get_their_own_answers(verifier: Verifier) -> None:
    values = list(range(0, 250, 10))
    expected = [verifier.verify(colour(0), colour(value)).logit for value in values]
    barrier = threading.Barrier(5)

    def ask(value: int) -> float:
        if value < 50:
            barrier.wait(20)
        return verifier.verify(colour(0), colour(value)).logit

    with ThreadPoolExecutor(5) as pool:
        np.testing.assert_allclose(list(pool.map(ask, values)), expected, rtol=1e-4, atol=1e-4)


def test_the_calibration_record_changes_no_answer() -> None:
    checkpoint = tiny()
    config = replace(checkpoint.config, calibration={"scale": 99.0, "offset": -7.0})
    recorded = replace(checkpoint, config=config)
    one, two = (Verifier(c).verify(colour(1), colour(200)) for c in (checkpoint, recorded))
    assert (one.logit, one.probability, one.decision) == (two.logit, two.probability, two.decision)


def test_a_photo_without_a_face_is_an_answer_of_its_own() -> None:
    faces = Verifier(tiny("mtcnn"))
    with pytest.raises(NoFaceError, match="in the second photo"):
        faces.verify(portrait(), colour(120))
    answer = faces.pick(portrait(), {"ann": portrait(), "wall": colour(120)})
    assert [photo.code for photo in answer.unusable] == ["no_face"]
    assert answer.ranking[0].identity == "ann"
    assert answer.query.face.crop.shape == (32, 32, 3)


def test_the_embedded_checkpoint_on_a_public_portrait() -> None:
    """A mirrored, darkened and recoded copy is the same person; a wall is nobody."""
    verifier = Verifier.from_pretrained()
    copy = portrait().transpose(0).point(lambda value: value * 0.8)
    answer = verifier.verify(encoded(portrait(), "JPEG"), encoded(copy, "JPEG", quality=60))
    assert answer.decision == "same" and answer.probability > 0.9
    assert answer.origin.sha256 == verifier.origin.sha256 and len(answer.origin.sha256) == 64


def test_the_embedded_checkpoint_on_real_people(faces_data: Path) -> None:
    """A handful of pairs of the LFW list; the evaluation measures all of them."""
    import zipfile

    lines = (faces_data / "lfw_pairs.txt").read_text().splitlines()[1:]
    pairs = [line.split("\t") for line in (*lines[:20], *lines[300:320])]
    verifier = Verifier.from_pretrained()
    with zipfile.ZipFile(faces_data / "lfw.zip") as archive:

        def photo(name: str, number: str) -> bytes:
            return archive.read(f"{name}/{name}_{int(number):04d}.jpg")

        right = 0
        for pair in pairs:
            genuine = len(pair) == 3
            other = pair[0] if genuine else pair[2]
            answer = verifier.verify(photo(*pair[:2]), photo(other, pair[-1]))
            right += (answer.probability > 0.5) == genuine
    assert right >= 0.8 * len(pairs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no processes are forked here")
def test_a_forked_process_answers_too(tmp_path: Path) -> None:
    """It waited for threads of torch that it did not have. In a program that has several."""
    program = """
import os, signal, sys, torch
torch.set_num_threads(2)
from siamese import Verifier
from tests.pictures import encoded, portrait
verifier, photo = Verifier.from_pretrained(), encoded(portrait(), "JPEG")
before = verifier.verify(photo, photo).to_dict()["all_pairs"]
child = os.fork()
if child == 0:
    signal.alarm(120)
    os._exit(verifier.verify(photo, photo).to_dict()["all_pairs"] != before)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    found = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, check=False)
    assert found.returncode == 0
