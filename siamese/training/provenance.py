"""The record in config.json of how weights were made."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch


def made_by() -> dict[str, Any]:
    """How weights were made: the command, and the code that it ran."""
    words = " ".join(_portable(word) for word in sys.argv[1:])
    return {
        "command": f"python -m siamese {words}",
        "commit": _commit(Path(__file__).resolve()),
        "torch": torch.__version__,
    }


def _portable(word: str) -> str:
    """A command-line word without the folders of the machine it was typed on."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return option + equals + (Path(value).name if Path(value).is_absolute() else value)


def _commit(file: Path) -> str | None:
    """The commit that is checked out; None where Git does not track this code.

    An installed package may well lie inside somebody else's repository.
    """

    def git(*words: str) -> str:
        command = ["git", "-C", str(file.parent), *words]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        return found.stdout.strip()

    if shutil.which("git") is None or not git("ls-files", file.name):
        return None
    return git("rev-parse", "HEAD") or None
