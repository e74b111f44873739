"""Averaging: the arithmetic, the chain on record, and what cannot be averaged."""

import dataclasses
from pathlib import Path

import pytest
import torch

from siamese import __main__ as cli
from siamese import checkpoint
from siamese.checkpoint import CheckpointConfig
from siamese.data.split import split_of
from siamese.errors import InputError
from siamese.network import NetworkConfig
from siamese.training.average import average
from tests import small_checkpoints
from tests.small_checkpoints import RULE, TINY

ROOT = {"objective": "distill", "split": "people", "commit": "a"}


def write(
    folder: Path, seed: int, *stages: str, root: dict[str, str] | None = ROOT, **changes: object
) -> Path:
    """A checkpoint whose chain is `root`, then one record each of `stages`; returns its folder."""
    chain = [*([root] if root else []), *({"objective": s, "commit": s} for s in stages)]
    plain = CheckpointConfig(TINY, decision=RULE, calibration={"people": 7}, training=tuple(chain))
    config = dataclasses.replace(plain, **changes)  # type: ignore[arg-type]
    checkpoint.save(folder, small_checkpoints.network(seed, config.network), config)
    return folder


def test_the_mean_by_shares(tmp_path: Path) -> None:
    """Weights and running statistics, to the rounding of the file; counters are the first's."""
    one, other = write(tmp_path / "1", 1), write(tmp_path / "2", 2)
    states = []
    for folder in (one, other):
        loaded = checkpoint.load_folder(folder)
        for name, value in loaded.network.state_dict().items():
            if "head" not in name and value.is_floating_point():
                value.copy_(torch.rand_like(value) + 0.5)
            elif not value.is_floating_point():
                value.fill_(len(states) + 3)
        checkpoint.save(folder, loaded.network, loaded.config)
        states.append(checkpoint.load_folder(folder).network.state_dict())
    found = average([one, other], tmp_path / "out", [3, 1]).network.state_dict()
    for name, value in found.items():
        if value.is_floating_point():
            expected = 0.75 * states[0][name] + 0.25 * states[1][name]
            assert torch.allclose(value, expected, atol=1e-3), name
            assert not torch.allclose(value, states[0][name], atol=1e-3) or name == "head.bias"
        else:
            assert int(value) == 3


def test_the_record_tells_every_stage_once_and_the_parents(tmp_path: Path) -> None:
    one, other = write(tmp_path / "1", 1, "b"), write(tmp_path / "2", 2, "b", "c")
    assert cli.main(["average", str(tmp_path / "out"), str(one), str(other)]) == 0
    made = checkpoint.load_folder(tmp_path / "out").config
    assert [record["commit"] for record in made.training[:-1]] == ["a", "b", "c"]
    last = made.training[-1]
    assert last["shares"] == [0.5, 0.5]
    assert last["parents_sha256"] == [checkpoint.load_folder(f).sha256 for f in (one, other)]
    assert last["command"].startswith("python -m siamese ")
    assert made.decision is None and made.calibration == {}, "a threshold of other weights"
    assert split_of(made).name == "people"


def test_the_first_checkpoint_decides_on_mirror_images(tmp_path: Path) -> None:
    one = write(tmp_path / "1", 1, network=dataclasses.replace(TINY, mirrored=True))
    other = write(tmp_path / "2", 2)
    assert average([one, other], tmp_path / "12").network.config.mirrored
    assert not average([other, one], tmp_path / "21").network.config.mirrored


@pytest.mark.parametrize(
    ("shares", "message"),
    [([1.0], "2 checkpoints and 1 shares"), ([1.0, 0.0], "larger than 0"), ([1, -1], "than 0")],
)
def test_shares_that_do_not_fit(tmp_path: Path, shares: list[float], message: str) -> None:
    folders = [write(tmp_path / "1", 1), write(tmp_path / "2", 2)]
    with pytest.raises(InputError, match=message):
        average(folders, tmp_path / "out", shares)


def test_what_has_no_average(tmp_path: Path) -> None:
    one = write(tmp_path / "1", 1)
    with pytest.raises(InputError, match="at least two"):
        average([one], tmp_path / "out")
    stranger = write(tmp_path / "2", 2, root={"objective": "distill", "commit": "z"})
    with pytest.raises(InputError, match="no stage of training in common"):
        average([one, stranger], tmp_path / "out")
    bare = [write(tmp_path / name, 3, root=None) for name in "34"]
    with pytest.raises(InputError, match="no stage of training in common"):
        average(bare, tmp_path / "out")
    for name, change in (
        ("5", {"network": NetworkConfig("compact", 32, 3, 24)}),
        ("6", {"window": (0.0, 0.0, 112.0, 112.0)}),
        ("7", {"detector": "none"}),
    ):
        other = write(tmp_path / name, 2, **change)
        with pytest.raises(InputError, match="differ in network, detector or crop window"):
            average([one, other], tmp_path / "out")
    free = write(tmp_path / "8", 2, license="mit")
    with pytest.raises(InputError, match="different licences"):
        average([one, free], tmp_path / "out")
    with pytest.raises(InputError, match="would be overwritten"):
        average([one, write(tmp_path / "9", 2)], one)
    assert not (tmp_path / "out").exists()
