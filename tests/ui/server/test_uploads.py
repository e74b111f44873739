"""A folder for uploads, or one sentence why there can be none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from ui.server import uploads; print(uploads.claim())"


def claimed(temporary: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "GRADIO_TEMP_DIR": str(temporary)},
        capture_output=True,
        text=True,
    )


def refused(temporary: Path, why: str) -> None:
    found = claimed(temporary)
    assert found.returncode == 1 and found.stdout == ""
    (line,) = found.stderr.splitlines()
    assert line.startswith("error: uploads cannot be kept in ") and why in line
    assert line.endswith("please set GRADIO_TEMP_DIR to a folder of your own.")


def root(temporary: Path) -> Path:
    return temporary / f"siamese-{os.getuid()}"


def test_its_folder_is_its_users_alone(tmp_path: Path) -> None:
    root(tmp_path).mkdir(mode=0o777)
    found = claimed(tmp_path)
    assert Path(found.stdout.strip()).parent == root(tmp_path), found.stderr
    assert root(tmp_path).stat().st_mode & 0o077 == 0


def test_a_link_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    root(tmp_path).symlink_to(elsewhere)
    refused(tmp_path, "it is a link")
    assert list(elsewhere.iterdir()) == []


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    root(tmp_path).touch()
    refused(tmp_path, "exists")
    refused(root(tmp_path), "directory")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    refused(tmp_path, "denied")


def test_a_file_system_that_takes_no_folders_is_refused() -> None:
    refused(Path("/proc/self"), "No such file")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    root(tmp_path).mkdir()
    os.chown(root(tmp_path), 12345, 12345)
    refused(tmp_path, "belongs to another user")
