"""The Space as it goes up: laid out in an empty folder, freshly installed, started, asked.

Marked long: it downloads and unpacks everything that requirements.txt names. ZeroGPU's own package
`spaces` is installed beside it, at the version below. SIAMESE_SPACE_PYTHON may name the interpreter
of an environment that is installed already, to try the rest by hand.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from siamese.hub.publish import space_files
from tests import pictures

pytestmark = pytest.mark.long

SPACES = "spaces==0.51.3"
PATIENCE = 900  # seconds, for one thing; others may run on this machine
CLIENT = """
import json, sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
photo = handle_file(sys.argv[2])
print(json.dumps(client.predict(photo, photo, api_name="/verify")))
"""


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Exactly the files that are uploaded."""
    folder = tmp_path_factory.mktemp("space")
    for name, content in space_files().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, target)
        else:
            target.write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def python(space: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with what the Space installs, and `spaces`."""
    if ready := os.environ.get("SIAMESE_SPACE_PYTHON"):
        return Path(ready)
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    interpreter = folder / "bin" / "python"
    pip = [interpreter, "-m", "pip", "install", "-q", "-r", space / "requirements.txt", SPACES]
    subprocess.run(pip, check=True, timeout=3000)
    return interpreter


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "portrait.png"
    pictures.portrait().save(path)
    return path


@pytest.fixture
def url(space: Path, python: Path, tmp_path: Path) -> Iterator[str]:
    yield from serve(space, python, tmp_path, {})


def serve(space: Path, python: Path, folder: Path, more: dict[str, str]) -> Iterator[str]:
    """Start the Space's app as a Space does, and stop it afterwards."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "SIAMESE_", "PYTHON"))}
    environment = {
        **kept,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "HF_HOME": str(folder / "home"),
        **more,
    }
    log = folder / "log"
    with (
        log.open("w") as output,
        subprocess.Popen(
            [python, "app.py"], cwd=space, env=environment, stdout=output, stderr=output
        ) as process,
    ):
        try:
            deadline = time.monotonic() + PATIENCE
            while not answers(f"http://127.0.0.1:{port}/config"):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the Space did not start:\n{log.read_text()}")
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def ask(python: Path, url: str, photo: Path) -> dict:
    done = subprocess.run(
        [python, "-c", CLIENT, url, str(photo)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_it_starts_and_answers(python: Path, url: str, photo: Path) -> None:
    answer = ask(python, url, photo)
    assert answer["decision"] == "same"
    assert len(answer["checkpoint"]["sha256"]) == 64


def test_nothing_is_imported_from_elsewhere(space: Path, python: Path) -> None:
    """The app runs on the uploaded files alone, not on this checkout."""
    done = subprocess.run(
        [python, "-c", "import siamese, ui; print(siamese.__file__, ui.__file__)"],
        cwd=space, capture_output=True, text=True, check=True,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )  # fmt: skip
    assert all(Path(path).is_relative_to(space) for path in done.stdout.split())


def test_it_starts_and_answers_in_zero_gpus_mode(
    space: Path, python: Path, photo: Path, tmp_path: Path
) -> None:
    """With the real package, told that this is ZeroGPU; only the machine that lends GPUs is ours.

    The package reports the start of an app that owns a decorated function, and of no other.
    """
    reports: list[str] = []

    class Lender(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            reports.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Lender) as lender:
        threading.Thread(target=lender.serve_forever, daemon=True).start()
        mode = {
            "SPACES_ZERO_GPU": "true",
            "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{lender.server_port}",
        }
        for url in serve(space, python, tmp_path, mode):
            assert ask(python, url, photo)["decision"] == "same"
        lender.shutdown()
    assert any("startup-report" in path for path in reports)
