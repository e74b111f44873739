"""Files of target embeddings: what is not one is a sentence, and nothing in it runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from siamese.data.targets import read_targets
from siamese.errors import InputError

NAMES, ROWS = np.array(["ann/1.jpg", "bob/1.jpg"]), np.eye(2, 4, dtype=np.float16)


class Attack:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize(
    "content",
    [
        {"names": NAMES},
        {"embedding": ROWS},
        {"names": NAMES, "embedding": ROWS[:1]},
        {"names": NAMES, "embedding": ROWS[0]},
        {"names": NAMES, "embedding": ROWS.astype(bool)},
        {"names": NAMES, "embedding": ROWS * np.float16("nan")},
        {"names": np.arange(2), "embedding": ROWS},
        {"names": NAMES[:0], "embedding": ROWS[:0]},
    ],
)
def test_a_file_with_something_wrong(content: dict[str, np.ndarray], tmp_path: Path) -> None:
    np.savez(tmp_path / "targets.npz", allow_pickle=False, **content)
    with pytest.raises(InputError, match=r"targets\.npz.*\.$"):
        read_targets([tmp_path / "targets.npz"], [])


def test_pickled_objects_are_not_loaded(tmp_path: Path) -> None:
    objects = np.array([Attack(tmp_path / "attacked"), None], dtype=object)
    np.savez(tmp_path / "targets.npz", names=objects, embedding=ROWS)
    with pytest.raises(InputError, match=r"is no \.npz file"):
        read_targets([tmp_path / "targets.npz"], [])
    assert not (tmp_path / "attacked").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 and no more", bytes(1000)])
def test_garbage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "targets.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"is no \.npz file"):
        read_targets([tmp_path / "targets.npz"], [])


def test_files_of_two_networks_do_not_mix(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", names=NAMES[:1], embedding=ROWS[:1])
    np.savez(tmp_path / "b.npz", names=NAMES[1:], embedding=ROWS[1:, :3])
    with pytest.raises(InputError, match="of one length"):
        read_targets([tmp_path / "a.npz", tmp_path / "b.npz"], [])
