"""Galleries that change, are large, or go into an index of vectors.

pytest tests/test_galleries.py
"""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ImageFilter
from safetensors import safe_open
from safetensors.numpy import save_file

from siamese import Verifier, answers
from siamese import __main__ as cli
from siamese.answers import Candidate
from siamese.errors import InputError
from siamese.network import Head
from siamese.support import Gallery, Listed
from tests import small_checkpoints
from tests.evaluation import world
from tests.pictures import portrait

ROOT = Path(__file__).parent.parent


@pytest.fixture
def verifier(tmp_path: Path) -> Verifier:
    small_checkpoints.write(tmp_path / "tiny")
    return Verifier.from_pretrained(tmp_path / "tiny")


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Six people of two photos each."""
    for who in "abcdef":
        (tmp_path / "people" / who).mkdir(parents=True)
        for number in range(2):
            photo = tmp_path / "people" / who / f"{number}.webp"
            photo.write_bytes(world.picture(who, number, 40))
    return tmp_path / "people"


def test_only_what_changed_is_embedded_again(
    verifier: Verifier, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, _ = verifier.gallery(people)
    before.save(tmp_path / "saved")
    (people / "a" / "0.webp").write_bytes(world.picture("x", 0, 40))  # of the same name
    (people / "b" / "1.webp").unlink()
    shutil.rmtree(people / "c")
    (people / "d" / "0.webp").rename(people / "d" / "9.webp")
    (people / "g.webp").write_bytes(world.picture("g", 0, 40))
    whole, _ = verifier.gallery(people)
    seen: list[str] = []
    real = Verifier._embed_batch

    def watched(self: Verifier, batch: list[Listed]) -> list[Any]:
        seen.extend(photo.photo.relative_to(people).as_posix() for photo in batch)  # type: ignore[union-attr]
        return real(self, batch)

    monkeypatch.setattr(Verifier, "_embed_batch", watched)
    done: list[tuple[int, int]] = []
    found, _ = verifier.gallery(
        people, lambda *counts: done.append(counts), before=Gallery.load(tmp_path / "saved")
    )
    assert sorted(seen) == ["a/0.webp", "g.webp"] and done == [(10, 10)]
    assert list(found.photos) == list(whole.photos) == ["a", "b", "d", "e", "f", "g"]
    assert found.hashes == whole.hashes
    for name, rows in whole.photos.items():
        np.testing.assert_allclose(found.photos[name], rows, atol=1e-5)


def test_which_photos_tell_little_stays_known(verifier: Verifier, tmp_path: Path) -> None:
    rows = np.eye(5, 16, dtype=np.float32)
    made = Gallery({}, verifier.origin.sha256).add("ann", rows[0], ["a"], [True])
    made = made.add("bo", rows[1:3], ["b", "c"], [True, False]).add("cy", rows[3:5])
    made.save(tmp_path / "saved")
    loaded = Gallery.load(tmp_path / "saved")
    for gallery in (made, loaded):
        assert gallery.telling_little().tolist() == [True, False, False]
        assert [*gallery.known_photos()] == [("ann", "a"), ("bo", "b"), ("bo", "c")]
        assert [little for _, little in gallery.known_photos().values()] == [True, True, False]
    parted = loaded.part("bo", [[1], [0]])
    assert parted.telling_little().tolist() == [True, False, False, True]
    assert parted.person("bo 2").hashes == ("b",)
    merged = parted.merge(["bo 2", "ann"])
    assert [*merged.photos] == ["bo", "cy", "bo 2"]
    assert merged.person("bo 2").hashes == ("b", "a")
    assert merged.telling_little().tolist() == [False, False, True]
    assert merged.remove("bo 2").telling_little().tolist() == [False, False]
    assert not merged.add("bo 2", rows[4]).telling_little().any()
    nobody = made.remove("ann").remove("bo")
    nobody.save(tmp_path / "nobody")
    assert Gallery.load(tmp_path / "nobody").warned == {} == nobody.warned
    with pytest.raises(InputError, match="Each photo has one"):
        made.add("dee", rows, ["a"])


def test_photos_of_an_older_gallery_are_read_once_more(verifier: Verifier, tmp_path: Path) -> None:
    """It does not say which of them tell little."""
    made = Gallery({}, verifier.origin.sha256).add("ann", np.eye(1, 16, dtype=np.float32), ["a"])
    made.save(tmp_path / "saved")
    with safe_open(tmp_path / "saved", "numpy") as file:
        said = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != "warned"}  # noqa: SIM118
    save_file(tensors, tmp_path / "older", said)
    older = Gallery.load(tmp_path / "older")
    assert [*older.photos] == ["ann"] and older.known_photos() == {}


def test_photos_that_are_not_read_again_tell_as_little(tmp_path: Path) -> None:
    """Nor does adding a photo forget what the product warns of."""
    small_checkpoints.write(tmp_path / "faces")
    small_checkpoints.edit_config(
        tmp_path / "faces", lambda content: content.update(detector="mtcnn")
    )
    verifier = Verifier.from_pretrained(tmp_path / "faces")
    folder = tmp_path / "people"
    (folder / "ann").mkdir(parents=True)
    portrait().filter(ImageFilter.GaussianBlur(6)).save(folder / "ann" / "soft.png")
    before, _ = verifier.gallery(folder)
    portrait().save(folder / "bo.png")
    after, _ = verifier.gallery(folder, before=before)
    assert after.telling_little().tolist() == [True, False]
    words = ["--checkpoint", str(tmp_path / "faces")]
    saved = tmp_path / "saved"
    assert cli.main(["gallery", str(folder), str(saved), *words]) == 0
    add = ["gallery", "add", str(saved), "cy", str(folder / "ann" / "soft.png"), *words]
    assert cli.main(add) == 0
    assert Gallery.load(saved).telling_little().tolist() == [True, False, True]


def test_a_gallery_of_other_weights_is_made_anew(
    verifier: Verifier, people: Path, tmp_path: Path
) -> None:
    small_checkpoints.write(tmp_path / "other", seed=1)
    other, _ = Verifier.from_pretrained(tmp_path / "other").gallery(people)
    found, _ = verifier.gallery(people, before=other)
    assert found.sha256 == verifier.origin.sha256
    assert not np.allclose(found.photos["a"], other.photos["a"])


def test_several_processes_embed_the_same(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_checkpoints.write(tmp_path / "tiny")
    for out, words in (("one", []), ("two", ["--processes", "2"])):
        shared = ["--checkpoint", str(tmp_path / "tiny"), *words]
        assert cli.main(["gallery", str(people), str(tmp_path / out), *shared]) == 0
    one, two = (Gallery.load(tmp_path / name) for name in ("one", "two"))
    assert one.hashes == two.hashes and list(one.photos) == list(two.photos)
    for name, rows in one.photos.items():
        np.testing.assert_allclose(two.photos[name], rows, atol=1e-5)
    again = ["gallery", str(people), str(tmp_path / "one"), "--checkpoint", str(tmp_path / "tiny")]
    assert cli.main(again) == 0
    assert "unchanged photos: 12\n" in capsys.readouterr().err


def test_a_hundred_thousand_people_stay_on_disk(
    verifier: Verifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = np.random.default_rng(0).normal(size=(100_000, 16)).astype(np.float32)
    names = [f"person {number}" for number in range(len(rows))]
    by_name = dict(zip(names, rows[:, None], strict=True))
    made = Gallery(by_name, verifier.origin.sha256)
    made.isolation(verifier.head.isolation)
    made.save(tmp_path / "many")
    loaded = Gallery.load(tmp_path / "many")
    means, counts = loaded.means()
    assert isinstance(means, np.memmap) and not means.flags.writeable
    assert list(loaded.photos) == names and counts.tolist() == [1] * 100_000
    query = rows[777]
    logits = verifier._search(query, loaded)
    assert logits.argmax() == 777
    np.testing.assert_allclose(logits, verifier.logits(query, rows), rtol=1e-4, atol=1e-4)

    def measured_again(_: np.ndarray) -> np.ndarray:
        raise AssertionError

    assert loaded.isolation(measured_again).shape == (100_000,)

    made: list[str] = []

    def counted(**fields: Any) -> Candidate:
        made.append(fields["identity"])
        return Candidate(**fields)

    monkeypatch.setattr(answers, "Candidate", counted)
    found = verifier.pick(verifier.find(world.picture("a", 0, 40)), loaded)
    assert len(found.ranking) == 100_000 and not made, "made when they are asked for"
    first, second = found.ranking[:2]
    assert made == [first.identity, second.identity]
    shares = sorted([first.probability, second.probability, found.none_probability])
    assert found.margin == pytest.approx(shares[2] - shares[1])
    assert found.ranking[-1].logit <= second.logit <= first.logit
    assert found.ranking.shares.sum() + found.none_probability == pytest.approx(1)


@pytest.mark.parametrize("change", ["huge", "not finite", "counts", "names", "hashes", "cut"])
def test_a_tampered_gallery_of_one_array_is_a_sentence(
    change: str, verifier: Verifier, people: Path, tmp_path: Path
) -> None:
    path = tmp_path / "saved"
    made, _ = verifier.gallery(people)
    if change in ("huge", "not finite"):
        made.photos["c"][1, 3] = {"huge": 3e38, "not finite": np.nan}[change]
    made.save(path)
    blob = path.read_bytes()
    if change == "counts":
        start = blob.rindex(np.full(6, 2, np.int64).tobytes())
        path.write_bytes(blob[:start] + np.array([1, 2, 2, 2, 2, 2]).tobytes() + blob[start + 48 :])
    if change == "names":
        path.write_bytes(blob.replace(b'\\"a\\", \\"b\\"', b'\\"a, xxxx b\\"', 1))
    if change == "hashes":
        sha = made.hashes["a"][0].encode()
        path.write_bytes(blob.replace(sha, sha[:30] + b'\\", \\"' + sha[36:], 1))
    if change == "cut":
        path.write_bytes(blob[:-100])
    with pytest.raises(InputError) as caught:
        Gallery.load(path)
    assert str(caught.value).isprintable() and str(caught.value).endswith(".")


def test_an_index_of_l1_finds_the_same_first_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a cohort, and weights that differ."""
    faiss = pytest.importorskip("faiss")
    random = np.random.default_rng(1)
    cohort = random.normal(size=(20, 16)).astype(np.float32)
    head = Head(np.linspace(0.1, 1, 16).astype(np.float32), 5.0, cohort, 1.5)
    rows = random.normal(size=(2000, 16)).astype(np.float32)
    queries = random.normal(size=(8, 16)).astype(np.float32)
    index = faiss.IndexFlat(17, faiss.METRIC_L1)
    index.add(head.l1_rows(rows))
    _, places = index.search(head.l1_query(queries), 10)
    for query, found in zip(queries, places, strict=True):
        assert found.tolist() == np.argsort(-head(query, rows))[:10].tolist()


def test_the_example_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (ROOT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```python\n(import faiss.*?)^```", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "people").mkdir()
    for path in (ROOT / "examples").glob("person ? 1.webp"):
        shutil.copy(path, tmp_path / "people")
    shutil.copy(ROOT / "examples" / "person A 2.webp", tmp_path / "query.webp")
    monkeypatch.chdir(tmp_path)
    exec(example, {})  # what a reader would paste
    found = eval(capsys.readouterr().out)
    assert found[0][0] == "person A 1" and len(found) == 4
    logits = [logit for _, logit in found]
    assert logits == sorted(logits, reverse=True)
