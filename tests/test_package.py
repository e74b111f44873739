"""The package as pip builds and installs it, and the one list of what it depends on."""

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import siamese
from siamese.training.provenance import _commit
from tests import conftest
from tests.test_cli import COMMANDS

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
MOST_BYTES = 12_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as `pip install .` builds it, but by the hatchling that is installed."""
    if importlib.util.find_spec("hatchling") is None:
        conftest.lacking("no hatchling to build the package with")
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", str(ROOT), "--no-deps", "--no-build-isolation", "-w", str(folder))
    (found,) = folder.iterdir()
    return found


@pytest.fixture(scope="module")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel; what it depends on is borrowed from here."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment)
    programs = environment / "bin"
    pip("--python", str(programs / "python"), "install", str(wheel), "--no-deps")
    (site,) = environment.glob("lib/python*/site-packages")
    borrowed = [path for path in sys.path if path.endswith("site-packages")]
    (site / "borrowed.pth").write_text("\n".join(borrowed))
    return programs


def pip(*words: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *words]
    subprocess.run(command, check=True, timeout=300)


def run(folder: Path, *command: str | Path, path: Path | str = "") -> CompletedProcess[str]:
    """A command in a folder, with `path` alone ahead of what the environment holds."""
    environment = {**os.environ, "PYTHONPATH": str(path)}
    words = [str(word) for word in command]
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    assert wheel.stat().st_size <= MOST_BYTES
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert tops == {"siamese", f"siamese-{siamese.__version__}.dist-info"}
    of_the_checkout = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "siamese").rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    weights = {name for name in names if name.startswith("siamese/weights/")}
    assert {name for name in names if name.startswith("siamese/")} == of_the_checkout | weights
    files = ("README.md", "config.json", "metrics.json", "model.safetensors")
    folders = ("siamese/weights/", "siamese/weights/omniglot/")
    cards = {folder + file for folder in folders for file in files}
    assert weights == cards | {"siamese/weights/metrics.html"}
    assert "siamese/py.typed" in names


def test_it_answers_from_any_folder(bin_folder: Path, tmp_path: Path) -> None:
    console = bin_folder / "siamese"
    assert run(tmp_path, console, "--version").stdout == f"siamese {siamese.__version__}\n"
    photos = [ROOT / "examples" / f"person A {i}.webp" for i in (1, 2)]
    found = run(tmp_path, console, "verify", *photos, "--json")
    assert found.returncode in (0, 1, 3), found.stderr
    answered = json.loads(found.stdout)["checkpoint"]
    config = json.loads((ROOT / "weights" / "config.json").read_text(encoding="utf-8"))
    assert (answered["source"], answered["sha256"]) == ("embedded", config["weights_sha256"])


def test_it_has_every_command(bin_folder: Path, tmp_path: Path) -> None:
    found = run(tmp_path, bin_folder / "siamese", "--help").stdout
    assert re.findall(r"^    ([\w-]+)(?: |$)", found, re.MULTILINE) == list(COMMANDS)


def test_its_types_are_seen(bin_folder: Path, tmp_path: Path) -> None:
    """mypy takes the types of an installed package only where py.typed says so."""
    (tmp_path / "use.py").write_text("from siamese import Verifier\nreveal_type(Verifier.verify)\n")
    (tmp_path / "mypy.ini").write_text("[mypy]\n[mypy-torch.*]\nfollow_imports = skip\n")
    check = [sys.executable, "-m", "mypy", "--python-executable", bin_folder / "python", "use.py"]
    found = run(tmp_path, *check).stdout
    assert "-> siamese.answers.Verification" in found and "import-untyped" not in found, found


def test_the_space_is_published_from_a_checkout(bin_folder: Path, tmp_path: Path) -> None:
    found = run(tmp_path, bin_folder / "siamese", "publish-space", "owner/space", "--dry-run")
    assert found.returncode == 2 and "in a checkout of the repository" in found.stderr


def test_what_is_missing_for_training_is_named(bin_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "accelerate.py").write_text("raise ModuleNotFoundError('no', name='accelerate')")
    words = ["train", "out", "--data", "people", "--pictures", "9"]
    found = run(tmp_path, bin_folder / "siamese", *words, path=tmp_path)
    assert (found.returncode, len(found.stderr.splitlines())) == (70, 1)
    assert "`siamese train` needs accelerate" in found.stderr and '".[train]"' in found.stderr
    (tmp_path / "onnx.py").write_text("raise ModuleNotFoundError('no', name='onnx')")
    found = run(
        tmp_path, bin_folder / "siamese", "export", ROOT / "weights", "x.onnx", path=tmp_path
    )
    assert found.returncode == 70 and '".[export]"' in found.stderr


def test_weights_name_no_commit_of_another_repository(tmp_path: Path) -> None:
    """An environment often lies in the repository of whoever installed the package."""
    git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        subprocess.run([*git, *words], check=True)
    module = tmp_path / "provenance.py"
    module.touch()
    assert _commit(module) is None
    for words in (["add", "provenance.py"], ["commit", "-q", "-m", "ours"]):
        subprocess.run([*git, *words], check=True)
    assert re.fullmatch(r"[0-9a-f]{40}", _commit(module) or "")


# ---- what it depends on


def requirements(name: str) -> dict[str, Requirement]:
    """The lines of a requirements file, without those that it includes."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return by_name(line for line in lines if line and not line.startswith(("#", "-r ")))


def by_name(lines: Iterable[str]) -> dict[str, Requirement]:
    found = [Requirement(line) for line in lines]
    return {canonicalize_name(requirement.name): requirement for requirement in found}


@pytest.mark.parametrize(
    ("file", "declared"),
    [
        ("requirements.txt", [*PROJECT["dependencies"], *EXTRAS["app"]]),
        ("requirements-train.txt", EXTRAS["train"]),
        ("requirements-dev.txt", EXTRAS["dev"][1:]),
    ],
)
def test_the_pins_are_those_that_pyproject_allows(file: str, declared: list[str]) -> None:
    pinned, allowed = requirements(file), by_name(declared)
    assert set(pinned) == set(allowed)
    for name, pin in pinned.items():
        (version,) = pin.specifier
        assert version.operator == "=="
        assert allowed[name].specifier.contains(version.version), name
        assert pin.extras == allowed[name].extras, name


def test_the_extras_include_each_other_as_the_files_do() -> None:
    assert EXTRAS["dev"][0] == "siamese[app,train]"
    assert "\n-r requirements-train.txt\n" in (ROOT / "requirements-dev.txt").read_text()


def test_every_import_of_the_package_is_declared() -> None:
    """Not merely installed because something else needs it."""
    declared = set(by_name(PROJECT["dependencies"]))
    extras = {"data": "train", "evaluation": "train", "training": "train"} | {
        "grouping.py": "group", "export.py": "export",
    }  # fmt: skip
    owners = packages_distributions()
    for path in (ROOT / "siamese").rglob("*.py"):
        wing = path.relative_to(ROOT / "siamese").parts[0]
        allowed = declared | set(by_name(EXTRAS[extras[wing]] if wing in extras else ()))
        for module in imported(path):
            names = {canonicalize_name(name) for name in owners.get(module, [])}
            assert names & allowed, f"{path.name} imports {module}"


def imported(path: Path) -> set[str]:
    """The top modules of others that a file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"siamese"}
