"""The notebooks of docs/, executed from the first cell to the last on small data.

pytest tests/test_notebooks.py
"""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from siamese.data.split import CALIBRATION_ALPHABETS, VALIDATION_ALPHABETS
from tests.data.alphabets import write_alphabets
from tests.evaluation import world
from tests.evaluation.protocols.test_omniglot import write_runs

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def executed(name: str, monkeypatch: pytest.MonkeyPatch, **settings: object) -> str:
    """What the cells of a notebook print; pictures count as "<picture>"."""
    notebook = nbformat.read(DOCS / name, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    for key, value in settings.items():
        monkeypatch.setenv(key, str(value))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": DOCS}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    said = [output.get("text", "") for output in outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    return "".join(said) + "<picture>" * len(pictures)


def test_from_nothing_to_omniglot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = {"Korean": 12, "Latin": 6} | dict.fromkeys(VALIDATION_ALPHABETS, 5)
    sizes |= dict.fromkeys(CALIBRATION_ALPHABETS, 18)
    write_alphabets(tmp_path / "images_background.zip", sizes, drawers=4)
    write_alphabets(tmp_path / "images_evaluation.zip", {"Angelic": 12}, 4, seed=5)
    write_runs(tmp_path / "all_runs.zip")
    said = executed("koch.ipynb", monkeypatch, SIAMESE_OMNIGLOT=tmp_path, SIAMESE_PICTURES=1280)
    assert said.count("<picture>") == 2 and said.count("false matches") == 3
    assert said.count("same ") + said.count("different ") + said.count("uncertain ") >= 2


def test_what_a_probability_must_mean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world.raw_checkpoint(tmp_path / "raw")
    for who in range(12):
        (tmp_path / "people" / f"own{who}").mkdir(parents=True)
        for number in range(3):
            photo = tmp_path / "people" / f"own{who}" / f"{number}.webp"
            photo.write_bytes(world.picture(f"own{who}", number, 128))
    said = executed(
        "calibrate.ipynb",
        monkeypatch,
        SIAMESE_PEOPLE=tmp_path / "people",
        SIAMESE_CHECKPOINT=tmp_path / "raw",
    )
    assert said.count("95 % interval") == 6 and "<picture>" in said
    assert "beforehand 50.0%" in said and "no claim beyond" in said
