"""The examples of docs/api.md are run as they stand, those of HTTP against the running server."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import app_server

PAGE = (app_server.REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
DECISIONS = ("same", "uncertain", "different")


def example(language: str, word: str) -> str:
    """The page's block with that word, asking the tests' server, not one on the usual port."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [code for code in blocks if word in code]
    assert ("http://127.0.0.1:7860" in found) == (word != "Verifier")
    return str(found.replace("http://127.0.0.1:7860", app_server.running().url.rstrip("/")))


def program(name: str) -> str:
    """Where a program lies; without it the test is skipped, or fails where all are required."""
    path = shutil.which(name)
    if path is None:
        reason = f"no {name} on this machine"
        if os.environ.get("SIAMESE_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def run(*command: str) -> str:
    done = subprocess.run(
        command, cwd=app_server.REPOSITORY, capture_output=True, text=True, timeout=180, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_python() -> None:
    identity, none = run(sys.executable, "-c", example("python", "Verifier")).split()
    assert identity in ("Ann", "Bo", "None") and 0 <= float(none) <= 1


def test_python_over_http() -> None:
    probability = float(
        run(sys.executable, "-c", example("python", "gradio_client")).splitlines()[-1]
    )
    assert 0 <= probability <= 1


def test_javascript(tmp_path: Path) -> None:
    script = tmp_path / "example.mjs"
    script.write_text(example("javascript", "fetch"))
    assert run(program("node"), str(script)).strip() in ("Ann", "Bo", "null")


def test_curl() -> None:
    program("curl")
    event, data = (
        run(program("bash"), "-c", example("bash", "curl")).strip().split("\n\n")[-1].split("\n")
    )
    assert event == "event: complete"
    assert json.loads(data.removeprefix("data: "))[0]["decision"] in DECISIONS
    assert app_server.running().uploads == []
