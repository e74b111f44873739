"""The benchmark measures what it says; what is published is what it measured."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from benchmarks import load, report
from benchmarks.facenet import Facenet, missing, overlap
from benchmarks.timing import Stages, interleaved
from tests.pictures import PORTRAIT_FACE, encoded, portrait

ROOT = Path(__file__).parent.parent
PUBLISHED = ROOT / "benchmarks" / "results.json"


def results() -> dict[str, Any]:
    """A measurement as the command writes it, of a machine that was idle and met every target."""
    pair = {
        "ours_cpu": 9.0, "theirs_cpu": 108.0, "ours_wall": 9.1, "theirs_wall": 109.0,
        "ours_runs": 20, "theirs_runs": 3, "ratio": 12.0, "ratio_wall": 12.0,
    }  # fmt: skip
    faces = {"photos": 3, "theirs": 5, "missed": 0}
    table = {stage: {"ms": 2.0, "floor": 1.0} for stage in report.STAGES} | {"all": {"ms": 12.0}}
    line = [[1, 10.0], [2, 20.0]]
    return {
        "pairs": {
            name: dict(pair) for name in ("large", "small", "more_faces", "embedding", "pick")
        },
        "faces": {"default": dict(faces), "more_faces": dict(faces)},
        "stages": {"large": table, "small": table},
        "growth": {"pixels": line, "faces": line, "support": line},
        "search": {
            "people": 100000, "first": 30.0, "ms": 20.0, "open": 200.0, "embed": 20.0
        },
        "onnx": {"2": dict(pair), "32": dict(pair)},
        "later": {},
        "start": {"torch": 1000.0, "verify": 2000.0, "ratio": 2.0},
        "app": {"start": 4.0, "first_answer": 0.5, "visitors": line},
        "machine": {
            "date": "2026-01-01", "quick": False, "support": 100, "processor": "a processor",
            "threads": 1, "python": "3.12", "torch": "2", "commit": "abc", "weights": "0",
            "gigamacs": 40.0,
        },
    }  # fmt: skip


def published() -> dict[str, Any]:
    if not PUBLISHED.is_file():
        pytest.skip("no benchmark has been published")
    found: dict[str, Any] = json.loads(PUBLISHED.read_text())
    return found


def test_the_published_report_is_made_of_the_published_results() -> None:
    found = published()
    assert (ROOT / "benchmarks" / "results.md").read_text() == report.markdown(found)


def test_the_readme_quotes_the_published_results() -> None:
    assert report.summary(published()) in (ROOT / "README.md").read_text()


def test_what_meets_every_target_says_so() -> None:
    assert all(met for *_, met in report.targets(results()))
    assert "**" not in report.markdown(results())


def test_the_plot_is_drawn(tmp_path: Path) -> None:
    report.plot(results(), tmp_path / "plot.png")
    assert Image.open(tmp_path / "plot.png").size == (1000, 700)


def test_missed_targets_are_reported() -> None:
    slow = results()
    slow["pairs"]["large"]["ratio"] = 9.9
    slow["faces"]["default"]["missed"] = 1
    slow["search"]["ms"] = 31
    missed = [what for what, *_, met in report.targets(slow) if not met]
    assert "verify two photos of 12 megapixels" in missed
    assert "100,000 people searched" in missed
    assert any(what.startswith("sure faces") for what in missed)
    assert report.markdown(slow).count("**missed**") == len(missed)


def test_what_was_measured_again_says_when_and_by_what() -> None:
    again = results()
    again["later"] = {"facenet": again["machine"] | {"date": "2026-02-02", "weights": "f" * 64}}
    assert "'facenet' was measured again on 2026-02-02" in report.markdown(again)
    assert "2026-02-02" in report.summary(again)


def test_a_busy_machine_is_reported() -> None:
    busy = results()
    for pair in busy["pairs"].values():
        pair["ours_wall"] = 3 * pair["ours_cpu"]
    assert "**The machine was busy**" in report.markdown(busy)


def test_runs_take_turns_and_the_first_does_not_count() -> None:
    calls: list[str] = []
    often, seldom = interleaved(
        [lambda: calls.append("often"), lambda: calls.append("seldom")], [6, 2]
    )
    assert (often.runs, seldom.runs) == (6, 2)
    assert calls.count("often") == 7 and calls.count("seldom") == 3
    assert calls[2:] == ["often", "seldom", *["often"] * 3, "seldom", *["often"] * 2]


def test_processor_time_does_not_count_waiting() -> None:
    (spent,) = interleaved([lambda: time.sleep(0.05)], [3])
    assert spent.cpu < 25 < spent.wall


def test_stages_are_watched_only_while_asked() -> None:
    class Work:
        def step(self, number: int) -> int:
            return number + 1

    original, clock = Work.step, Stages()
    with clock.watch([(Work, "step")]):
        assert Work().step(1) == 2 and Work().step(2) == 3
    assert Work.step is original
    assert [arguments[1] for arguments in clock.arguments["step"]] == [1, 2]
    assert clock.cpu["step"] > 0


def test_overlap() -> None:
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap((0, 0, 10, 10), (20, 20, 30, 30)) == 0
    assert missing(((0, 0, 10, 10), (50, 50, 60, 60)), [(0, 0, 10, 9)]) == [(50, 50, 60, 60)]


def test_the_rival_is_the_pipeline_of_its_readme() -> None:
    """The same face, pixel by pixel, as `MTCNN.forward` cuts out."""
    import torch

    rival = Facenet()
    answer = rival.embed(encoded(portrait()))
    with torch.no_grad():
        expected = rival.resnet(rival.mtcnn(portrait()).unsqueeze(0))[0].numpy()
    assert answer.embedding == pytest.approx(expected, abs=1e-6)
    assert missing(answer.faces, [PORTRAIT_FACE]) == [] and len(answer.faces) == 1


def test_without_photos_it_says_what_is_missing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--data", str(tmp_path)],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "lfw.zip" in done.stderr


@pytest.mark.long
def test_load_is_measured_beside_what_one_process_reaches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Real visitors of a real server; shares are told, and none is judged on a busy machine."""
    assert load.main(["--visitors", "1", "3", "--rounds", "1"]) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:]]
    assert [int(row[0]) for row in rows] == [1, 3]
    assert all(0 < float(row[2].rstrip(" %")) < 200 for row in rows)


def test_a_fair_queue_delays_nobody() -> None:
    row = load.Row(visitors=50, answers=14.0, within=20.0, wait=2.5)
    assert row.share == pytest.approx(0.7) and row.delay == pytest.approx(1.0)
