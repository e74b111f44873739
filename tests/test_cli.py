"""The command line: exit codes, streams, JSON; run as a real process."""

import argparse
import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from siamese import Verifier, checkpoint
from siamese import __main__ as cli
from siamese.answers import SAME_PHOTO
from siamese.calibration import ErrorCurve
from siamese.commands import exit_codes
from siamese.faces import quality
from siamese.network import Siamese
from tests.pictures import portrait
from tests.test_verifier import tiny

ROOT = Path(__file__).parent.parent
COMMANDS = (
    "verify", "pick", "explain", "group", "gallery", "align", "train", "average", "calibrate",
    "evaluate", "publish", "publish-space", "export", "convert",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny checkpoint and some pictures."""
    made = tiny()
    checkpoint.save(tmp_path / "tiny", made.network, made.config)
    for name, value in (("dark", 10), ("light", 250)):
        Image.new("RGB", (40, 40), (value, value, value)).save(tmp_path / f"{name}.png")
    portrait().resize((64, 64)).save(tmp_path / "face.png")
    (tmp_path / "people").mkdir()
    for name in ("dark", "face"):
        (tmp_path / "people" / f"{name}.png").write_bytes((tmp_path / f"{name}.png").read_bytes())
    (tmp_path / "text.jpg").write_text("text")
    return tmp_path


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "siamese", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_verify_in_a_process_of_its_own(folder: Path) -> None:
    found = run("verify", folder / "dark.png", folder / "dark.png", "--checkpoint", folder / "tiny")
    assert (found.returncode, found.stderr) == (0, f"{SAME_PHOTO.message}\n")
    assert found.stdout.startswith("same: ") and "30 of 3,000" in found.stdout


def test_an_input_error_is_one_sentence_on_stderr(folder: Path) -> None:
    tiny_folder = folder / "tiny"
    found = run("verify", folder / "dark.png", folder / "text.jpg", "--checkpoint", tiny_folder)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr.startswith("error: ") and "text.jpg" in found.stderr
    assert len(found.stderr.splitlines()) == 1


def test_every_decision_has_its_exit_code(folder: Path) -> None:
    dark, light = str(folder / "dark.png"), str(folder / "light.png")

    def ask(threshold: float, below: float) -> int:
        made = checkpoint.load_folder(folder / "tiny")
        assert made.config.decision is not None
        points = tuple(
            replace(p, threshold=threshold) for p in made.config.decision.operating_points
        )
        rule = replace(made.config.decision, operating_points=points, different_below=below)
        checkpoint.write_config(
            folder / "tiny", replace(made.config, decision=rule), made.sha256
        )  # fmt: skip
        return cli.main(["verify", dark, light, "--checkpoint", str(folder / "tiny")])

    assert ask(-1e9, -2e9) == exit_codes.SAME
    assert ask(1e9, -1e9) == exit_codes.UNCERTAIN
    assert ask(1e9, 1e9) == exit_codes.UNCERTAIN, "not different above a likelihood ratio of 1"
    made = checkpoint.load_folder(folder / "tiny")
    made.network.fold(1.0, -100.0)
    checkpoint.save(folder / "tiny", made.network, made.config)
    assert ask(1e9, 1e9) == exit_codes.DIFFERENT


def test_verify_says_how_often_others_are_as_alike(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["verify", *[str(folder / "dark.png")] * 2, "--checkpoint", str(folder / "tiny")]
    assert cli.main(words) == exit_codes.SAME
    assert "this similar" not in capsys.readouterr().out, "where it was not counted"
    made = checkpoint.load_folder(folder / "tiny")
    curve = ErrorCurve("toys", 100, ((-99.0, 100, 0.96, 1.0), (0.0, 2, 0.002, 0.08)))
    rule = replace(made.rule, false_matches=curve, false_non_matches=curve)
    checkpoint.write_config(folder / "tiny", replace(made.config, decision=rule), made.sha256)
    assert cli.main(words) == exit_codes.SAME
    said = capsys.readouterr().out
    assert "impostor pairs at least this similar 2 % (2 of 100)" in said
    assert "genuine pairs at most this similar 100 % (100 of 100)" in said


def test_pick_prints_the_name_and_says_none(folder: Path, capsys: pytest.CaptureFixture) -> None:
    words = [str(folder / "face.png"), str(folder / "people"), "--checkpoint", str(folder / "tiny")]
    assert cli.main(["pick", *words]) == exit_codes.SAME
    assert capsys.readouterr().out.splitlines()[0] == "face"
    assert cli.main(["pick", *words, "--prior", "0.9999999"]) == exit_codes.NONE
    said, first, *_ = capsys.readouterr().out.splitlines()
    assert said == "none of these"
    assert first.split("  ") == ["over 99.9 %", "(none of these)"], "nothing is called certain"


def test_json_is_the_answer_as_data(folder: Path, capsys: pytest.CaptureFixture) -> None:
    words = [str(folder / "face.png"), str(folder / "people"), "--checkpoint", str(folder / "tiny")]
    cli.main(["pick", *words, "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["kind"] == "pick" and answer["identity"] == "face"


def test_a_reader_that_goes_away_is_not_an_error(folder: Path) -> None:
    dark = str(folder / "dark.png")
    words = ["verify", dark, dark, "--json", "--checkpoint", str(folder / "tiny")]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        found = subprocess.run(
            [sys.executable, "-m", "siamese", *words],
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
    finally:
        os.close(writing)
    assert (found.returncode, found.stderr) == (exit_codes.READER_GONE, b"")


def test_a_gallery_answers_like_its_folder(folder: Path, capsys: pytest.CaptureFixture) -> None:
    shared = ["--checkpoint", str(folder / "tiny")]
    saved = str(folder / "people.gallery")
    assert cli.main(["gallery", str(folder / "people"), saved, *shared]) == 0
    capsys.readouterr()
    answers = []
    for support in (str(folder / "people"), saved):
        cli.main(["pick", str(folder / "face.png"), support, "--json", *shared])
        answers.append(json.loads(capsys.readouterr().out)["ranking"])
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("out", "reason"),
    [
        ("nowhere/people.gallery", "cannot be written; there is no folder "),
        ("people", "is a folder; please name the gallery file to write."),
        ("face.png", "exists and is not a gallery saved by this program; "),
        ("tiny/model.safetensors", "exists and is not a gallery saved by this program; "),
    ],
)
def test_a_gallery_that_would_destroy_a_file_is_refused_before_any_photo_is_read(
    out: str,
    reason: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(Verifier, "gallery", lambda *_: pytest.fail("photos were embedded"))
    target = folder / out
    before = target.read_bytes() if target.is_file() else None
    words = ["gallery", str(folder / "people"), str(target), "--checkpoint", str(folder / "tiny")]
    assert cli.main(words) == exit_codes.INPUT_ERROR
    said = capsys.readouterr().err
    assert said.startswith(f"error: {target} {reason}") and len(said.splitlines()) == 1
    assert before is None or target.read_bytes() == before


def test_both_answers_warn_of_the_photos_on_stderr(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    blurred = quality.QualityWarning(quality.Flag.BLURRED, "It is blurred.")
    monkeypatch.setattr("siamese.verifier.warnings_for", lambda *_: (blurred,))
    face, shared = str(folder / "face.png"), ["--checkpoint", str(folder / "tiny")]
    cli.main(["verify", face, face, *shared])
    said = "face.png: It is blurred.\n" * 2 + f"{SAME_PHOTO.message}\n"
    assert capsys.readouterr().err == said
    cli.main(["pick", face, str(folder / "people"), *shared])
    people = "dark.png: It is blurred.\nface.png: It is blurred.\n"
    proposed = "these seem to be one person, or close relatives: dark, face; --group joins them\n"
    assert capsys.readouterr().err == "face.png: It is blurred.\n" + people + proposed


@pytest.mark.parametrize(
    ("support", "reason"), [("face.png", "is not a gallery"), ("nobody", "does not exist")]
)
def test_pick_says_what_it_picks_from(
    support: str, reason: str, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    words = [str(folder / "face.png"), str(folder / support), "--checkpoint", str(folder / "tiny")]
    assert cli.main(["pick", *words]) == exit_codes.INPUT_ERROR
    wanted = "please give a folder of photos, or a file saved by `gallery`."
    assert capsys.readouterr().err == f"error: {folder / support} {reason}; {wanted}\n"


def test_a_gallery_replaces_an_older_one(folder: Path) -> None:
    saved = folder / "people.gallery"
    words = ["gallery", str(folder / "people"), str(saved), "--checkpoint", str(folder / "tiny")]
    assert [cli.main(words), cli.main(words)] == [0, 0]


TOO_LITTLE = (
    "error: there is too little memory for `siamese verify`; close other programs, and try again.\n"
)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PermissionError(13, "Permission denied", "here"), 2, "error: here: Permission denied\n"),
        (OSError(28, "No space left on device"), 70, "error: No space left on device\n"),
        (
            ZeroDivisionError("a slip"),
            70,
            "ZeroDivisionError: a slip\n"
            "error: `siamese verify` has a defect; please report it with the lines above.\n",
        ),
        (MemoryError(), 70, TOO_LITTLE),
        (OSError(12, "Cannot allocate memory"), 70, TOO_LITTLE),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), 70, TOO_LITTLE),
        (ImportError("libx.so: failed to map segment from shared object"), 70, TOO_LITTLE),
    ],
)
def test_no_error_reads_as_different_people(
    error: Exception,
    code: int,
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Verifier, "verify", fails)
    dark = str(folder / "dark.png")
    assert cli.main(["verify", dark, dark, "--checkpoint", str(folder / "tiny")]) == code
    assert capsys.readouterr().err.endswith(words)


def apart(
    folder: Path, *words: str, megabytes: int | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, whose memory may be limited."""

    def limit() -> None:
        if megabytes:
            resource.setrlimit(resource.RLIMIT_AS, (megabytes * 2**20, megabytes * 2**20))

    return subprocess.run(
        [sys.executable, "-m", "siamese", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        preexec_fn=limit,
        capture_output=True,
        check=False,
    )


def test_a_missing_library_is_not_an_answer(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("raise ModuleNotFoundError('no', name='numpy')")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    found = apart(folder, "verify", "dark.png", "dark.png", PYTHONPATH=path)
    assert (found.returncode, found.stdout) == (exit_codes.OWN_ERROR, b"")
    *_, said = found.stderr.decode().splitlines()  # torch has a warning of its own
    assert said.startswith("error: `siamese verify` needs numpy, which is not installed;")


@pytest.mark.skipif(sys.platform != "linux", reason="limits of the address space are Linux's")
@pytest.mark.parametrize("megabytes", [400, 1600, 2950, 3000, 3200])
def test_too_little_memory_is_not_an_answer(megabytes: int, folder: Path) -> None:
    found = apart(folder, "verify", "dark.png", "dark.png", megabytes=megabytes)
    assert (found.returncode, found.stdout) == (exit_codes.OWN_ERROR, b"")
    assert found.stderr.decode().endswith(TOO_LITTLE)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_a_full_disk_is_not_an_answer(saved: Path) -> None:
    command = [sys.executable, "-m", "siamese", "gallery", "list", str(saved)]
    with Path("/dev/full").open("wb") as disk:
        found = subprocess.run(command, cwd=ROOT, stdout=disk, stderr=subprocess.PIPE, check=False)
    assert found.returncode == exit_codes.OWN_ERROR, found.stderr
    assert found.stderr == b"error: No space left on device\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_any_name_can_be_printed_in_any_encoding(encoding: str, folder: Path) -> None:
    people = folder / "people"
    (people / "Zo\u00eb \u540d\u524d \U0001f600.png").write_bytes(
        (people / "dark.png").read_bytes()
    )
    words = ["pick", "dark.png", "people", "--checkpoint", "tiny"]
    found = apart(folder, *words, PYTHONIOENCODING=encoding)
    assert (
        found.returncode in (exit_codes.SAME, exit_codes.UNCERTAIN) and b"\\u540d" in found.stdout
    )
    found = apart(folder, *words, "--json", PYTHONIOENCODING=encoding)
    names = [candidate["identity"] for candidate in json.loads(found.stdout)["ranking"]]
    assert "Zo\u00eb \u540d\u524d \U0001f600" in names


def test_a_network_without_calibration_is_refused(
    folder: Path, capsys: pytest.CaptureFixture
) -> None:
    made = tiny(rule=None)
    checkpoint.save(folder / "bare", Siamese(made.config.network), made.config)
    dark = str(folder / "dark.png")
    assert (
        cli.main(["verify", dark, dark, "--checkpoint", str(folder / "bare")])
        == exit_codes.INPUT_ERROR
    )
    assert "not been calibrated" in capsys.readouterr().err


def test_a_misspelt_option_shows_the_usage_of_its_command(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["pick", "a.jpg", "people", "--tpo", "3"])
    assert stop.value.code == exit_codes.INPUT_ERROR
    said = capsys.readouterr().err
    assert said.startswith("usage: siamese pick ") and "[--top TOP]" in said
    assert said.endswith("siamese pick: error: unrecognized arguments: --tpo 3\n")


@pytest.mark.parametrize("count", ["0", "-1", "two"])
def test_pick_prints_at_least_one(count: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["pick", "a.jpg", "people", "--top", count])
    assert stop.value.code == exit_codes.INPUT_ERROR
    wanted = f"argument --top: '{count}' is not a whole number of at least 1\n"
    assert capsys.readouterr().err.endswith(wanted)


@pytest.mark.parametrize(
    ("words", "least"),
    [
        ("train out --data people --pictures 0", 1),
        ("train out --data people --pictures 9 --batch-size 0", 1),
        ("train out --data people --pictures 9 --per-person 0", 1),
        ("train out --data people --pictures 9 --group 0", 1),
        ("train out --data people --pictures 9 --seed -1", 0),
        ("train out --data people --pictures 9 --kin -1", 0),
        ("train out --data people --pictures 9 --image-size 0", 1),
        ("convert a.pt out --backbone slim --embedding-size 0", 1),
    ],
)
def test_counts_are_whole_numbers(
    words: str, least: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(words.split())
    assert stop.value.code == exit_codes.INPUT_ERROR
    said = capsys.readouterr().err
    assert said.endswith(f"is not a whole number of at least {least}\n")


# ---- explain


def test_an_explanation_is_drawn(folder: Path, capsys: pytest.CaptureFixture) -> None:
    face, out = str(folder / "face.png"), folder / "why.png"
    shared = ["--checkpoint", str(folder / "tiny")]
    assert cli.main(["explain", face, face, "--out", str(out), *shared]) == 0
    said = capsys.readouterr()
    assert said.out.count("multiplies its odds by") == 2 and said.err == f"drawn: {out}\n"
    with Image.open(out) as drawn:
        assert (drawn.format, drawn.width) == ("PNG", 2 * drawn.height)
    assert cli.main(["explain", face, face, "--json", *shared]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "explanation"


@pytest.mark.parametrize("name", ["face.png", "why.jpg", "nowhere/why.png"])
def test_a_drawing_replaces_no_photo(
    name: str, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    face, out = folder / "face.png", folder / name
    before = face.read_bytes()
    words = [str(face), str(folder / "dark.png"), "--out", str(out)]
    code = cli.main(["explain", *words, "--checkpoint", str(folder / "tiny")])
    said = capsys.readouterr().err
    assert code == exit_codes.INPUT_ERROR and str(out) in said and len(said.splitlines()) == 1
    assert face.read_bytes() == before


# ---- galleries


@pytest.fixture
def saved(folder: Path, capsys: pytest.CaptureFixture) -> Path:
    out = folder / "people.gallery"
    words = ["gallery", str(folder / "people"), str(out), "--checkpoint", str(folder / "tiny")]
    assert cli.main(words) == 0
    capsys.readouterr()
    return out


def listed(saved: Path, capsys: pytest.CaptureFixture) -> dict[str, int]:
    assert cli.main(["gallery", "list", str(saved)]) == 0
    lines = capsys.readouterr().out.splitlines()
    return {line.split("\t")[1]: int(line.split("\t")[0]) for line in lines}


def test_a_gallery_can_be_changed_and_listed(
    saved: Path, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert listed(saved, capsys) == {"dark": 1, "face": 1}
    photos = [str(folder / "face.png"), str(folder / "light.png")]
    shared = ["--checkpoint", str(folder / "tiny")]
    for name, said in (("Ann", "Ann in {}: 2"), ("dark", "dark in {}: 3")):
        assert cli.main(["gallery", "add", str(saved), name, *photos, *shared]) == 0
        assert capsys.readouterr().out == f"photos of {said.format(saved)}\n"
    assert listed(saved, capsys) == {"dark": 3, "face": 1, "Ann": 2}
    assert cli.main(["gallery", "remove", str(saved), "face"]) == 0
    assert capsys.readouterr().out == f"people in {saved}: 2\n"
    assert listed(saved, capsys) == {"dark": 3, "Ann": 2}
    assert cli.main(["pick", photos[0], str(saved), *shared]) in (exit_codes.SAME, exit_codes.NONE)


def test_a_gallery_takes_no_embeddings_of_other_weights(
    saved: Path, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    other = tiny()
    checkpoint.save(folder / "other", Siamese(other.config.network), other.config)
    before = saved.read_bytes()
    words = ["gallery", "add", str(saved), "Ann", str(folder / "face.png")]
    assert cli.main([*words, "--checkpoint", str(folder / "other")]) == exit_codes.INPUT_ERROR
    assert "was made with other weights" in capsys.readouterr().err
    assert saved.read_bytes() == before


def test_nobody_is_removed_who_is_not_in_the_gallery(
    saved: Path, folder: Path, capsys: pytest.CaptureFixture
) -> None:
    assert cli.main(["gallery", "remove", str(saved), "Ann"]) == exit_codes.INPUT_ERROR
    assert capsys.readouterr().err == "error: 'Ann' is not in the gallery.\n"
    assert cli.main(["gallery", "list", str(folder / "face.png")]) == exit_codes.INPUT_ERROR
    assert "is not a gallery" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--help"], ["add", "--help"], ["create", "--help"]])
def test_galleries_have_help(words: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["gallery", *words])
    assert stop.value.code == (0 if words else exit_codes.INPUT_ERROR)
    assert "usage: siamese gallery" in "".join(capsys.readouterr())


# ---- help


def every_parser(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [
        child
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for child in action.choices.values()
    ]
    return [parser, *(found for child in below for found in every_parser(child))]


@pytest.mark.parametrize("parser", every_parser(cli._parser()), ids=lambda parser: parser.prog)
def test_every_option_says_what_it_does_and_its_default(parser: argparse.ArgumentParser) -> None:
    """A switch is off by default and need not say so."""
    shown = parser.format_help()
    actions = [a for a in parser._actions if not isinstance(a, argparse._SubParsersAction)]
    assert [a.dest for a in actions if len(a.help or "") < 8] == []
    chosen = [a for a in actions if a.option_strings and a.nargs != 0 and not a.required]
    assert " ".join(shown.split()).count("default: ") >= len(chosen)
    for action in chosen:
        if action.default not in (None, []):
            assert f"default: {action.default}" in " ".join(shown.split()), action.dest


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert len(capsys.readouterr().out) > 150
