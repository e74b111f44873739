"""Imports go one way, and importing the package does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "siamese"
# What each runtime module may use of ours; training and evaluation may use all of it.
ALLOWED = {
    "errors": {"schema"},
    "containers": set(),
    "images": {"containers", "errors"},
    "backbones": set(),
    "network": {"backbones", "errors", "pretrained"},
    "schema": set(),
    "calibration": {"errors", "schema"},
}
OUTER = ("training", "evaluation")


def imports(path: Path) -> set[str]:
    """All modules that a file names in its imports, wherever they stand."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def runtime_files() -> list[Path]:
    files = [path for path in PACKAGE.glob("*.py") if path.stem != "__main__"]
    assert len(files) > 8
    return files


def test_the_package_knows_nothing_of_gradio() -> None:
    for path in PACKAGE.rglob("*.py"):
        assert not any(name.split(".")[0] == "gradio" for name in imports(path)), path


def test_the_runtime_knows_nothing_of_training_and_evaluation() -> None:
    for path in runtime_files():
        for name in imports(path):
            assert not name.startswith(tuple(f"siamese.{outer}" for outer in OUTER)), path


def test_the_inner_modules_stay_inner() -> None:
    for module, allowed in ALLOWED.items():
        ours = {
            name.split(".")[1]
            for name in imports(PACKAGE / f"{module}.py")
            if name.startswith("siamese.")
        }
        assert ours <= allowed, f"{module} uses {ours - allowed}"


def test_the_page_computes_nothing() -> None:
    for path in [ROOT / "app.py", *(ROOT / "ui").rglob("*.py")]:
        assert not any(name.split(".")[0] == "torch" for name in imports(path)), path


def test_importing_the_package_opens_nothing() -> None:
    """In a fresh process: only code is opened, no socket, no logging set up, no Hub client."""
    program = """
import sys
opened = []
def audit(event, arguments):
    if event == "socket.connect" or event == "socket.getaddrinfo":
        opened.append(arguments)
    if event == "open" and str(arguments[0]).endswith((".pt", ".safetensors", ".json")):
        opened.append(arguments)
import torch
sys.addaudithook(audit)
import siamese, logging
assert not opened, opened
assert not logging.getLogger().handlers
assert "gradio" not in sys.modules and "huggingface_hub" not in sys.modules
"""
    found = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert found.returncode == 0, found.stderr


def test_the_public_names_are_exactly_these() -> None:
    import siamese

    public = {
        name
        for name in vars(siamese)
        if not name.startswith("_") and not isinstance(vars(siamese)[name], type(ast))
    }
    assert public == set(siamese.__all__)
