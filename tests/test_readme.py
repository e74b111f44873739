"""The README and the pages in docs/ are checked like code: versions, commands, links, examples."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import yaml

import siamese
from siamese import __main__ as cli
from siamese.evaluation import card
from siamese.evaluation.protocols import PROTOCOLS
from tests.test_cli import COMMANDS

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
    )
}


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


BLOCKS = blocks(README)


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


def test_the_same_checks_run_everywhere() -> None:
    """Before a commit, on a forge, and in the project's own run."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    own = (ROOT / ".ci" / "run").read_text().splitlines()
    assert len(hooks) == 3 and all(hook["entry"] in own for hook in hooks)
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    steps = [step.get("run") for step in jobs["checks"]["steps"]]
    assert steps[-3:] == [
        "pip install -q -r requirements.txt -r requirements-dev.txt",
        "pre-commit run --all-files",
        "pytest",
    ]


def test_the_python_example_runs() -> None:
    example = next(code for language, code in BLOCKS if language == "python")
    found = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, check=True
    )
    decision, probability = found.stdout.split()
    assert decision in ("same", "uncertain", "different") and 0 <= float(probability) <= 1


def test_it_can_be_read_at_one_sitting() -> None:
    assert README.count("\n") <= 150


def test_every_command_line_parses() -> None:
    found = [block for text in PAGES.values() for block in blocks(text)]
    lines = [line for language, code in found if language == "bash" for line in code.splitlines()]
    commands = [line for line in lines if "python -m siamese " in line]
    assert len(commands) >= 15
    for line in commands:
        words = shlex.split(line, comments=True)
        assert cli.parse(words[words.index("siamese") + 1 :])[1] == []


def test_every_command_is_mentioned() -> None:
    for command in COMMANDS:
        assert any(f"python -m siamese {command}" in text for text in PAGES.values()), command


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
    for page, text in PAGES.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_is_reached_from_the_readme() -> None:
    for page in PAGES:
        name = page.relative_to(ROOT).as_posix()
        assert name == "README.md" or f"({name})" in README, name


def test_every_test_set_is_named() -> None:
    text = PAGES[ROOT / "docs" / "training.md"]
    for protocol in PROTOCOLS.values():
        for file in protocol.needs:
            assert f"`{file}`" in text, file


def test_what_contributing_names_is_there() -> None:
    """Files by their paths, and the registries that it sends people to."""
    text = PAGES[ROOT / "CONTRIBUTING.md"]
    for name in re.findall(r"`((?:siamese|tests)/[\w/.]+)`", text):
        assert "NAME" in name or (ROOT / name).exists(), name
    for file, word in (
        ("siamese/backbones.py", "BACKBONES"),
        ("tests/test_network.py", "SMALL"),
        ("siamese/evaluation/protocols/__init__.py", "PROTOCOLS"),
        ("siamese/faces/quality.py", "MESSAGES"),
    ):
        assert f"`{word}`" in text and f"\n{word}" in (ROOT / file).read_text(), word


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == siamese.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\n## {citation['version']} - {citation['date-released']}\n" in changes
