"""A chain of two stages from files to a checkpoint, through the command line."""

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.commands import exit_codes
from siamese.data import people
from siamese.data.people import Part
from siamese.data.reference import Reference
from siamese.data.split import PEOPLE as BY_NAME
from siamese.data.split import training_pictures
from siamese.errors import InputError
from siamese.training.loop import STATE, Schedule
from siamese.training.provenance import made_by
from siamese.training.stage import StageOptions
from siamese.training.train import _Stage, train
from tests.data.alphabets import write_alphabets
from tests.reference import write_reference
from tests.small_checkpoints import RULE
from tests.training.conftest import PEOPLE


def taught(world: Path) -> list[str]:
    """What a stage beside the reference network is told."""
    return ["--teacher", str(world / "reference.safetensors"), "--embedding-size", "192"]


def stage(world: Path, out: Path, *words: str) -> int:
    return cli.main([*command(world, out, world / "cache"), "--device", "cpu", *words])


def command(world: Path, out: Path, cache: Path) -> list[str]:
    sizes = ["--image-size", "32", "--embedding-size", "16", "--batch-size", "32"]
    return ["train", str(out), "--data", str(world / "people"), "--cache", str(cache), *sizes]


def test_two_stages_make_a_chain(world: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    assert stage(world, first, "--objective", "distill", "--pictures", "320", *taught(world)) == 0
    known = checkpoint.load_folder(first)  # what calibration adds is left behind again
    written = known.network.in_bases(2).with_cohort(np.zeros((3, 384), np.float32))
    config = dataclasses.replace(known.config, network=written.config, decision=RULE)
    checkpoint.save(first, written, config)
    more = ["--pictures", "160", "--init", str(first), "--learning-rate", "1e-4"]
    assert stage(world, second, *taught(world), *more) == 0
    made = checkpoint.load_folder(second)
    assert made.config.network == dataclasses.replace(known.config.network, features=192)
    assert made.config.network.mirrored
    assert made.config.decision is None
    records = made.config.training
    assert [record["objective"] for record in records] == ["distill", "verify"]
    assert records[1]["parent_sha256"] == checkpoint.load_folder(first).sha256
    assert records[0]["schedule"]["pictures"] == 320
    assert set(records[0]["sources"]) == {"people"}
    teacher = people.fingerprint(world / "reference.safetensors")
    assert [record["teacher_sha256"] for record in records] == [teacher, teacher]
    assert str(tmp_path) not in str(records)
    assert (second / "log.csv").read_text().startswith("step,pictures,loss,genuine")


def test_a_kill_before_the_checkpoint_is_written_loses_nothing(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--pictures", "160", "--seed", "3"]
    assert stage(world, tmp_path / "whole", *words) == 0
    assert not (tmp_path / "whole" / STATE).exists()

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "killed"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", killed)
        assert stage(world, folder, *words) == 130
    assert not (folder / checkpoint.WEIGHTS).exists() and (folder / STATE).exists()

    def trained_again(*_: object) -> None:
        pytest.fail("a step was done again")

    with monkeypatch.context() as patch:
        patch.setattr("siamese.training.loop._batch", trained_again)
        assert stage(world, folder, *words) == 0
    assert (
        checkpoint.load_folder(folder).sha256 == checkpoint.load_folder(tmp_path / "whole").sha256
    )
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1] and not (folder / STATE).exists()


def killed_at_the_end(
    world: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str
) -> None:
    """A stage of one step whose checkpoint was never written; its state is there."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", killed)
        assert stage(world, folder, "--pictures", "32", *words) == 130
    assert (folder / STATE).exists()


def test_a_killed_stage_goes_on_only_as_what_it_was(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    folder = tmp_path / "out"
    killed_at_the_end(world, folder, monkeypatch)
    others = [["--turns"], ["--group", "2"], ["--kin", "1"], ["--backbone", "slim"]]
    others += [["--teacher", str(world / "reference.safetensors"), "--distillation", "0"]]
    for words in others:
        assert stage(world, folder, "--pictures", "32", *words) == exit_codes.INPUT_ERROR, words
        assert "an unfinished stage with other settings" in capsys.readouterr().err, words
    shutil.copytree(world / "people", tmp_path / "people")
    assert not (folder / checkpoint.WEIGHTS).exists()
    moved = command(tmp_path, folder, tmp_path / "cache")  # the same pictures in another place
    assert cli.main([*moved, "--device", "cpu", "--pictures", "32"]) == 0
    (tmp_path / "people" / "p0" / "0.png").unlink()
    killed_at_the_end(world, tmp_path / "again", monkeypatch)
    fewer = command(tmp_path, tmp_path / "again", tmp_path / "cache")
    assert cli.main([*fewer, "--device", "cpu", "--pictures", "32"]) == exit_codes.INPUT_ERROR
    assert "an unfinished stage with other settings" in capsys.readouterr().err


def test_what_a_stage_is_names_no_place(world: Path) -> None:
    """So that it is known again on another machine, and in another user's home."""
    options = StageOptions("verify", (world / "people",), Schedule(32), cache=world / "cache")
    assert "Path(" not in _Stage.of(options).identity


def test_a_finished_stage_is_not_run_again(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert stage(world, tmp_path, "--pictures", "32") == 0
    with monkeypatch.context() as patch:
        patch.setattr("siamese.training.loop._batch", lambda *_: pytest.fail("it was done again"))
        assert stage(world, tmp_path, "--pictures", "32") == 0
    before = checkpoint.load_folder(tmp_path).sha256
    assert stage(world, tmp_path, "--pictures", "32", "--seed", "5") == 0
    assert checkpoint.load_folder(tmp_path).sha256 != before


def test_a_killed_stage_goes_on_only_from_its_parent(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    for name, seed in (("1", "1"), ("2", "2")):
        assert stage(world, tmp_path / name, "--pictures", "32", "--seed", seed) == 0
    folder = tmp_path / "out"
    killed_at_the_end(world, folder, monkeypatch, "--init", str(tmp_path / "1"))
    other = ["--pictures", "32", "--init", str(tmp_path / "2")]
    assert stage(world, folder, *other) == exit_codes.INPUT_ERROR
    assert "an unfinished stage with other settings" in capsys.readouterr().err
    shutil.copytree(tmp_path / "1", tmp_path / "copy")
    same = ["--pictures", "32", "--init", str(tmp_path / "copy")]
    assert stage(world, folder, *same) == 0


def test_a_chain_of_drawings_stays_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a second stage is not told it takes from the first; nothing is mirrored or held out."""
    source = write_alphabets(tmp_path / "drawn.zip", {"Greek": 24, "Bengali": 3}, 3)
    shared = ["--data", str(source), "--cache", str(tmp_path / "cache"), "--pictures", "32"]
    shared += ["--batch-size", "32", "--device", "cpu"]
    first = ["--drawings", "--split", "alphabets", "--image-size", "32", "--embedding-size", "16"]
    one, two = str(tmp_path / "1"), str(tmp_path / "2")
    assert cli.main(["train", one, *shared, *first]) == 0
    assert cli.main(["train", two, *shared, "--init", one]) == 0
    made = checkpoint.load_folder(tmp_path / "2").config
    assert made.detector == "none" and not made.network.mirrored
    for record in made.training:
        assert (record["split"], record["people"]) == ("alphabets", 24)
        assert record["schedule"]["augmentation"]["flip"] == 0
    odd = ["train", str(tmp_path / "3"), *shared, "--init", one, "--split", "people"]
    assert cli.main(odd) == exit_codes.INPUT_ERROR
    assert "was not trained with --split people" in capsys.readouterr().err
    assert not (tmp_path / "3").exists()


def test_the_command_on_record_names_no_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["train", "/home/ann/1", "--data", "/home/ann/a.zip", "--data=/home/ann/x=y/b.zip"]
    monkeypatch.setattr(sys, "argv", ["siamese", *words, "--init=runs/1", "--turns"])
    expected = "train 1 --data a.zip --data=b.zip --init=runs/1 --turns"
    assert made_by()["command"] == f"python -m siamese {expected}"


def two_processes(world: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """`siamese train` started by torchrun on the CPU, with nothing decoded yet."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    trained = [*command(world, folder / "out", folder / "cache"), "--pictures", "96", *words]
    return subprocess.run(
        [*torchrun, "--nproc-per-node", "2", "-m", "siamese", *trained],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_two_processes_make_one_checkpoint(world: Path, tmp_path: Path) -> None:
    """Both work, one decodes, one writes and says so."""
    done = two_processes(world, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("trained:") == 1
    count = len(list((tmp_path / "cache").glob("*.npy")))
    # The first line of a bar comes once; the last one twice where the machine is slow.
    assert len(re.findall(r"decoding: +0%\| +\| 0/", done.stderr)) == count > 0
    assert not list((tmp_path / "cache").glob("*.part"))
    assert checkpoint.load_folder(tmp_path / "out").config.training[0]["processes"] == 2


def test_a_batch_that_cannot_be_shared_is_refused(world: Path, tmp_path: Path) -> None:
    done = two_processes(world, tmp_path, "--batch-size", "33")
    assert done.returncode != 0 and not (tmp_path / "out" / checkpoint.WEIGHTS).exists()
    assert "error: 2 processes cannot share a batch of 33 evenly" in done.stderr


def test_nobody_held_out_is_trained_on(world: Path) -> None:
    source = world / "people"
    names = {picture.identity for picture in training_pictures((source,), (), BY_NAME)}
    assert names == {f"p{n}" for n in range(PEOPLE) if people.part_of(f"p{n}") is Part.TRAIN}
    assert 30 < len(names) < PEOPLE


def test_whoever_is_in_two_sources_under_two_names_is_left_out(world: Path, tmp_path: Path) -> None:
    """If one picture of a training person shows a held-out person, all of their pictures go."""
    held_out = next(n for n in range(PEOPLE) if people.part_of(f"p{n}") is not Part.TRAIN)
    twin = next(n for n in range(PEOPLE) if people.part_of(f"p{n}") is Part.TRAIN)
    source = (world / "people",)
    pictures = people.list_pictures(source[0])
    shown = [f"p{held_out}" if p.name == f"p{twin}/2.png" else p.identity for p in pictures]
    path = write_reference(tmp_path / "reference.safetensors", pictures, shown)
    plain = training_pictures(source, (), BY_NAME)
    kept = training_pictures(source, (), BY_NAME, Reference(path, tmp_path / "cache"))
    gone = {p.identity for p in plain} - {p.identity for p in kept}
    assert gone == {f"p{twin}"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--objective", "distill", "--pictures", "32"], "give --teacher"),
        (["--unlabelled", "people", "--pictures", "32"], "teach nothing without --teacher"),
        (["--teacher", "x", "--pictures", "32"], "set --embedding-size 192"),
        (["--teacher", "x", "--drawings", "--pictures", "32"], "knows aligned faces only"),
        (["--init", "nowhere", "--pictures", "32"], "nowhere"),
        (["--emphasis", "poses.zip", "2", "--pictures", "32"], "poses.zip, which is none of the"),
        ([], "Give --pictures"),
        (["--out", "x", "--pictures", "32"], "Name the folder to write exactly once"),
        (["--device", "cuda", "--pictures", "32"], "no CUDA device"),
    ],
)
def test_what_is_missing_is_reported(
    world: Path, tmp_path: Path, words: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    words = [str(world / word) if word == "people" else word for word in words]
    assert stage(world, tmp_path / "out", *words) == exit_codes.INPUT_ERROR
    assert message in capsys.readouterr().err


def test_too_few_people_are_refused(tmp_path: Path) -> None:
    (tmp_path / "people" / "ann").mkdir(parents=True)
    Image.new("RGB", (128, 128)).save(tmp_path / "people" / "ann" / "1.png")
    with pytest.raises(InputError, match="at least 20 people"):
        train(StageOptions("verify", (tmp_path / "people",), Schedule(32)), tmp_path / "out")


def people_with(folder: Path, pictures: int, value: Callable[[int, int], int]) -> Path:
    """PEOPLE with this many pictures each, all of one colour but for a spot of that value."""
    for who in range(PEOPLE):
        (folder / f"p{who}").mkdir(parents=True)
        for number in range(pictures):
            picture = Image.new("L", (128, 128), 40)
            picture.paste(value(who, number), (30, 30, 60, 60))
            picture.save(folder / f"p{who}" / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    ("pictures", "value", "said"),
    [
        (1, lambda who, _: 60 + who, "Nobody in the training data has two pictures"),
        (2, lambda *_: 40, "show nothing, each is of one colour"),
        (2, lambda *_: 200, "are all the same one"),
    ],
)
def test_hopeless_data_is_refused_before_anything_is_trained(
    pictures: int,
    value: Callable[[int, int], int],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr("siamese.training.train.run_stage", lambda *_: pytest.fail("it trained"))
    made = people_with(tmp_path / "people", pictures, value)
    words = ["train", str(tmp_path / "out"), "--data", str(made), "--cache", str(tmp_path / "c")]
    assert cli.main([*words, "--pictures", "320"]) == exit_codes.INPUT_ERROR
    shown = capsys.readouterr()
    assert said in shown.err and "trained" not in shown.out
    assert not (tmp_path / "out" / checkpoint.WEIGHTS).exists()


@pytest.mark.parametrize("word", ["nan", "inf", "-1", "fast"])
@pytest.mark.parametrize("option", ["--learning-rate", "--weight-decay", "--distillation"])
def test_an_impossible_rate_is_named(option: str, word: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["train", "out", "--data", "people", "--pictures", "9", option, word])
    assert stop.value.code == exit_codes.INPUT_ERROR
    assert f"argument {option}: '{word}' is " in capsys.readouterr().err
