"""The comparison with rivals: a run resumes where it stopped, the table holds what was counted.

pytest tests/test_rivals.py
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.rivals import __main__ as command
from benchmarks.rivals import places, runner, scoreboard
from siamese import Verifier
from siamese.evaluation.pair_lists import Pair

ROOT = Path(__file__).parent.parent


def photo(name: str) -> str:
    return str(ROOT / "examples" / f"person {name}.webp")


def run(pairs: list[tuple[str, str]], folder: Path) -> list[str]:
    """The lines of scores after the runner, in a process of its own, has gone over these pairs."""
    (folder / "pairs.tsv").write_text("".join(f"{a}\t{b}\n" for a, b in pairs))
    words = ["siamese", str(folder / "pairs.tsv"), str(folder / "scores.jsonl")]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    subprocess.run([sys.executable, str(places.RUNNER), *words], check=True, env=environment)
    return (folder / "scores.jsonl").read_text().splitlines()


def test_a_run_resumes_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "nothing.png").write_bytes(b"")
    pairs = [(photo("A 1"), photo("A 2")), (photo("A 1"), photo("B 1"))]
    first = run(pairs[:1], tmp_path)
    more = run([*pairs, (photo("A 1"), str(tmp_path / "nothing.png"))], tmp_path)
    assert more[0] == first[0] and len(more) == 3
    said = [json.loads(line) for line in more]
    verifier = Verifier.from_pretrained()
    for answer, pair in zip(said, pairs, strict=False):
        expected = verifier.verify(*pair)
        assert answer["score"] == pytest.approx(expected.logit, abs=0.01)
        assert answer["shown"] == pytest.approx(expected.probability, abs=0.01)
        assert answer["ms"] > 0 and answer["peak_mb"] > 50
    assert said[2]["failed"] == "ImageError"


def test_figures_by_hand() -> None:
    """Four pairs of two folds: one false match, one failure on a genuine pair."""
    pairs = [Pair("", "", same, fold) for fold in (0, 1) for same in (True, False)]
    shared = {"ms": 5.0, "peak_mb": 90.0}
    answers = [
        {"score": 2.0, "same": True, "shown": 0.9, **shared},
        {"score": 1.0, "same": True, "shown": 0.7, **shared},
        {"failed": "IndexError", **shared, "ms": 50.0},
        {"score": -1.0, "same": False, "shown": 0.2, **shared},
    ]
    found = scoreboard.figures(answers, pairs)
    assert (found["failed"], found["ms"], found["peak_mb"]) == (1, 5.0, 90.0)
    own = found["own"]
    assert [own[name]["errors"] for name in ("accuracy", "fmr", "fnmr")] == [2, 1, 1]
    assert 0 < found["shown"]["cllr"] < 2
    line = scoreboard.row(
        "it", found | {"installed_mb": 1, "without_network": True, "licence": "MIT"}
    )
    assert line.count("|") == scoreboard.HEAD.count("|") and "50.00 %" in line
    timed = scoreboard.figures([{"score": 1.0, "same": None, "shown": None, **shared}] * 4, pairs)
    assert "own" not in timed and timed["ms"] == 5.0


def test_as_many_pairs_of_each_kind_of_all_folds() -> None:
    pairs = [Pair("", "", place < 300, fold) for fold in range(10) for place in range(600)]
    found = command.chosen(pairs, 60)
    assert len(found) == 60 and sum(pair.same for pair in found) == 30
    assert {pair.fold for pair in found} == set(range(10))
    assert command.chosen(pairs, None) == pairs


def test_every_rival_has_a_place() -> None:
    assert set(places.RIVALS) == set(runner.RIVALS)
