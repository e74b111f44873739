"""The README is checked like code: versions, commands, file map, examples."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from siamese import __main__ as cli
from siamese.evaluation import card
from tests.test_cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def pinned(name: str) -> str:
    found = re.search(
        rf"^{name}(?:\[\w+\])?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    assert found, name
    return found[1]


def test_front_matter_agrees_with_the_requirements() -> None:
    front = yaml.safe_load(README.split("---\n")[1])
    assert front["sdk"] == "gradio" and front["sdk_version"] == pinned("gradio")
    assert front["python_version"] in ("3.11", "3.12")
    assert (ROOT / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60
    for key in ("title", "emoji", "colorFrom", "colorTo", "license", "tags"):
        assert front[key], key


def test_every_requirement_is_exact() -> None:
    for file in ROOT.glob("requirements*.txt"):
        for line in file.read_text().splitlines():
            if line and not line.startswith(("#", "-r ")):
                assert re.fullmatch(r"[\w.\[\]-]+==[\w.]+", line), f"{file.name}: {line}"


def test_the_two_commands_stand_on_top() -> None:
    first, second = BLOCKS[0][1].strip(), BLOCKS[1][1].strip()
    assert first == "pip install -r requirements.txt && gradio app.py"
    assert second == "pip install -r requirements.txt -r requirements-dev.txt && pytest"
    script = (ROOT / ".ci" / "run").read_text()
    assert "pip install -q -r requirements.txt -r requirements-dev.txt\npytest" in script
    assert README[: README.index(first)].count("\n") < 35


def test_the_python_example_runs() -> None:
    example = next(code for language, code in BLOCKS if language == "python")
    found = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=True
    )
    decision, probability = found.stdout.split()
    assert decision in ("same", "uncertain", "different") and 0 <= float(probability) <= 1


def test_every_command_line_in_it_parses(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [line for language, code in BLOCKS if language == "bash" for line in code.splitlines()]
    commands = [line for line in lines if line.startswith("python -m siamese ")]
    assert len(commands) >= 6
    for line in commands:
        cli._parser().parse_args(shlex.split(line, comments=True)[3:])


def test_every_command_is_mentioned() -> None:
    for command in COMMANDS:
        assert f"python -m siamese {command}" in README, command


def test_the_file_map_names_what_there_is() -> None:
    text = next(code for language, code in BLOCKS if not language)
    named = [line.split()[0] for line in text.splitlines()]
    for name in named:
        assert (ROOT / name).exists(), name
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if tracked.returncode == 0:
        folders = {line.split("/")[0] for line in tracked.stdout.splitlines() if "/" in line}
        assert {f"{name}/" for name in folders if name[0] != "."} <= set(named)


def test_its_figures_are_those_that_were_measured() -> None:
    metrics = json.loads((ROOT / "weights" / "metrics.json").read_text())
    assert card.summary("faces", metrics["protocols"]) in README


def test_the_figures_of_the_drawings_are_those_that_were_measured() -> None:
    metrics = json.loads((ROOT / "weights" / "omniglot" / "metrics.json").read_text())
    assert card.summary("drawings", metrics["protocols"]) in " ".join(README.split())


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
