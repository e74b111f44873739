"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest
from gradio_client import Client

# Before torch: test processes share the cores, and more threads than cores wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from siamese.faces.detector import Alignment, FaceDetector
from tests import app_server

REPOSITORY = Path(__file__).parent.parent


def lacking(reason: str) -> None:
    """Skip the test for what is not here; fail it where everything is required to be."""
    if os.environ.get("SIAMESE_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def faces_data() -> Path:
    """The folder with photos of real people; they are not part of the repository."""
    folder = Path(os.environ.get("SIAMESE_DATA", REPOSITORY.parent / "shared" / "faces"))
    if not (folder / "lfw.zip").is_file():
        lacking(f"no photos of real people in {folder} (set SIAMESE_DATA)")
    return folder


@pytest.fixture(scope="session")
def omniglot() -> Path:
    """The folder with Omniglot's zips (github.com/brendenlake/omniglot)."""
    fallback = REPOSITORY.parent / "shared" / "omniglot"
    folder = Path(os.environ.get("SIAMESE_OMNIGLOT", fallback))
    if not (folder / "all_runs.zip").is_file():
        lacking(f"no Omniglot in {folder} (set SIAMESE_OMNIGLOT)")
    return folder


@pytest.fixture(scope="session")
def detector() -> FaceDetector:
    """The real one; it keeps no state, so all tests may share it."""
    return FaceDetector(Alignment())


@pytest.fixture(scope="session")
def server() -> app_server.Server:
    """The running app that all tests share."""
    return app_server.running()


@pytest.fixture(scope="session")
def client(server: app_server.Server) -> Client:
    """A client of it that sends what Gradio's own does."""
    return Client(server.url, verbose=False)
