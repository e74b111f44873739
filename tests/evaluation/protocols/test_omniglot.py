"""Drawings from files to figures: train, calibrate, evaluate, verify and pick, on made alphabets.

pytest tests/evaluation/test_omniglot.py
"""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.calibration import DecisionRule, OperatingPoint, Rate
from siamese.data.split import CALIBRATION_ALPHABETS, VALIDATION_ALPHABETS
from siamese.errors import InputError
from siamese.evaluation import card, evaluate
from siamese.evaluation.protocols import omniglot
from siamese.evaluation.protocols.omniglot import Run
from siamese.training.calibrate import calibrate
from siamese.verifier import Verifier
from tests.data.alphabets import drawn, png, strokes, write_alphabets

WAYS = 5
RULE = DecisionRule(
    (OperatingPoint("balanced", 0.0, Rate(0, 0, 0, 1), Rate(0, 0, 0, 1), ""),), -2.0
)


def write_runs(path: Path, runs: int = 3) -> None:
    random = np.random.default_rng(9)
    with zipfile.ZipFile(path, "w") as archive:
        for run in range(1, runs + 1):
            lines = []
            for item, answer in enumerate(random.permutation(WAYS), 1):
                character = strokes(random)
                query = f"run{run:02d}/test/item{item:02d}.png"
                support = f"run{run:02d}/training/class{answer + 1:02d}.png"
                archive.writestr(query, png(drawn(character, random)))
                archive.writestr(support, png(drawn(character, random)))
                lines.append(f"{query} {support}")
            archive.writestr(f"run{run:02d}/class_labels.txt", "\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("omniglot")
    sizes = {"Korean": 12, "Greek": 12, "Latin": 6}
    sizes |= dict.fromkeys(VALIDATION_ALPHABETS, 5) | dict.fromkeys(CALIBRATION_ALPHABETS, 18)
    write_alphabets(folder / "images_background.zip", sizes, drawers=4)
    write_alphabets(folder / "images_evaluation.zip", {"Angelic": 12, "Ge_ez": 12}, 4, seed=5)
    write_runs(folder / "all_runs.zip")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few steps of training, then calibrated and measured."""
    folder = tmp_path_factory.mktemp("runs") / "drawings"
    cache = str(folder.parent / "cache")
    source = ["--data", str(data / "images_background.zip")]
    size = ["--backbone", "slim", "--image-size", "32", "--embedding-size", "16"]
    kind = ["--drawings", "--split", "alphabets", "--turns", "--group", "8", "--kin", "7"]
    length = ["--pictures", "1920", "--batch-size", "64", "--device", "cpu", "--cache", cache]
    assert cli.main(["train", str(folder), *source, *size, *kind, *length]) == 0
    places = [data / "images_background.zip"]
    calibrate(folder, places, None, folder, folder.parent / "cache", "mit", "It was made here.")
    evaluate.evaluate(folder, data, cache=folder.parent / "cache", write_card=True)
    return folder


def test_the_chain_makes_a_checkpoint_that_looks_for_no_face(trained: Path) -> None:
    config = checkpoint.load_folder(trained).config
    assert (config.detector, config.network.channels, config.license) == ("none", 1, "mit")
    assert config.training[0]["split"] == config.calibration["split"] == "alphabets"
    assert config.training[0]["people"] == 4 * 30, "every quarter turn is a class"
    assert config.training[0]["schedule"]["augmentation"]["flip"] == 0
    assert not config.network.mirrored, "a mirrored character is another one"
    assert config.decision is not None
    assert config.decision.point().measured_on == omniglot.MEASURED_ON
    assert 0 < config.calibration["people"] < 54  # the half that fits


def test_the_figures_and_the_card_are_written(trained: Path) -> None:
    found = json.loads((trained / "metrics.json").read_text())["protocols"]
    assert set(found) == {"omniglot"}, "faces are not measured with drawings"
    runs, pairs = found["omniglot"]["one_shot"], found["omniglot"]["verification"]
    assert runs["runs"] == 3 and runs["trials"] == 15 and found["omniglot"]["chance"] == 1 / WAYS
    assert pairs["accuracy"]["value"] > 0.6 and pairs["alphabets"] == 2
    text = (trained / "README.md").read_text()
    for name in ("official runs", "Bengali", "MIT", "none of these", "drawers"):
        assert name in text
    assert f"{100 * runs['accuracy']:.2f} %" in text
    assert (
        card.render(
            checkpoint.load_folder(trained),
            json.loads((trained / "metrics.json").read_text()),
            trained,
        )
        == text
    )


def test_verify_and_pick_take_drawings(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From Python and on the command line; the query by another hand is named."""
    random = np.random.default_rng(21)
    characters = {f"character {number}": strokes(random) for number in range(4)}
    support = tmp_path / "support"
    support.mkdir()
    for name, character in characters.items():
        drawn(character, random, tremor=1).save(support / f"{name}.png")
    query = tmp_path / "query.png"
    drawn(characters["character 2"], random, tremor=1).save(query)
    verifier = Verifier.from_pretrained(trained)
    found = verifier.pick(query, support, none_prior=0.01)
    assert found.ranking[0].identity == "character 2"
    assert found.query.warnings == ()
    words = ["--checkpoint", str(trained), "--prior", "0.01"]
    assert cli.main(["pick", str(query), str(support), *words]) == 0
    assert capsys.readouterr().out.startswith("character 2\n")
    same = verifier.verify(query, query)
    other = verifier.verify(query, support / "character 0.png")
    assert same.logit > other.logit
    cli.main(["verify", str(query), str(query), "--checkpoint", str(trained)])
    assert "show the same thing" in capsys.readouterr().out


def test_a_protocol_for_faces_is_refused(trained: Path, data: Path) -> None:
    with pytest.raises(InputError, match="measures faces, and this checkpoint compares drawings"):
        evaluate.evaluate(trained, data, protocols=["lfw"])


def test_the_official_runs_are_read(omniglot: Path) -> None:
    from siamese.evaluation.protocols.omniglot import read_runs

    runs = read_runs(omniglot / "all_runs.zip")
    assert [run.name for run in runs] == [f"run{number:02d}" for number in range(1, 21)]
    for run in runs:
        assert len(set(run.queries)) == len(run.support) == 20
        assert sorted(run.targets.tolist()) == list(range(20))
    assert runs[0].answers[0] == "run01/training/class08.png"
    assert runs[0].support[runs[0].targets[0]] == "run01/training/class08.png"


def test_right_answers_are_counted_as_by_plain_loops() -> None:
    random = np.random.default_rng(0)
    runs = [
        Run(f"run{r}", ("a", "b", "c"), tuple(f"s{i}" for i in random.permutation(3)))
        for r in range(4)
    ]
    logits = [random.integers(0, 4, (3, 3)).astype(float) for _ in runs]  # with ties
    found = omniglot.one_shot_report(logits, runs)
    right = 0
    for scores, run in zip(logits, runs, strict=True):
        for row, answer in zip(scores, run.answers, strict=True):
            others = [s for s, name in zip(row, run.support, strict=True) if name != answer]
            right += row[run.support.index(answer)] > max(others)
    assert found["correct"]["errors"] == right and found["trials"] == 12
    assert found["accuracy"] == pytest.approx(right / 12)
    shares = found["run_accuracies"]
    assert found["standard_error"] == pytest.approx(np.std(shares, ddof=1) / 2)


def test_the_pick_is_counted_with_strangers() -> None:
    run = Run("run", ("a", "b"), ("s1", "s0"))
    logits = [np.array([[-9.0, 9.0], [-9.0, -9.0]])]  # the first is named, the second nobody
    found = omniglot.pick_report(logits, [run], RULE)
    assert found["right_name"]["errors"] == 1 and found["none"]["errors"] == 1
    assert found["wrong_name"]["errors"] == 0 and found["stranger_named"]["errors"] == 0
    muddled = omniglot.pick_report([np.array([[9.0, -9.0], [0.0, 9.0]])], [run], RULE)
    assert muddled["wrong_name"]["errors"] == 2 and muddled["stranger_named"]["errors"] == 2


def test_the_floor_is_the_nearest_picture() -> None:
    random = np.random.default_rng(3)
    a, b = (random.integers(0, 256, (n, 1, 6, 6)).astype(np.uint8) for n in (4, 5))
    found = omniglot.pixel_scores(a, b)
    for i, first in enumerate(a):
        for j, second in enumerate(b):
            distance = ((first / 255.0 - second / 255.0) ** 2).sum()
            assert found[i, j] == pytest.approx(-distance)


@pytest.mark.parametrize(
    ("labels", "message"),
    [("a.png b.png\nc.png b.png", "its own answer"), ("a.png b.png", "is missing"), ("x", "name")],
)
def test_odd_runs_are_refused(tmp_path: Path, labels: str, message: str) -> None:
    path = tmp_path / "all_runs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("run01/class_labels.txt", labels)
        archive.writestr("a.png", png(Image.new("1", (4, 4))))
    with pytest.raises(InputError, match=message):
        omniglot.read_runs(path)
