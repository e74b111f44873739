"""Tiny checkpoints for tests: real networks, real files, a decision rule made by hand."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from siamese import checkpoint as checkpoints
from siamese.calibration import DecisionRule, ErrorCurve, OperatingPoint, Rate
from siamese.checkpoint import CARD, CONFIG, WEIGHTS, CheckpointConfig
from siamese.network import NetworkConfig
from siamese.pretrained import SiameseNetwork

TINY = NetworkConfig("compact", 32, 3, 16)
RULE = DecisionRule(
    operating_points=(
        OperatingPoint(
            "balanced", 0.5, Rate(3, 100, 0.006, 0.085), Rate(4, 100, 0.011, 0.099), "Toy faces"
        ),
        OperatingPoint(
            "careful", 1.5, Rate(1, 100, 0.0003, 0.054), Rate(9, 100, 0.042, 0.164), "Toy faces"
        ),
    ),
    different_below=-1.0,
    support_scales=((1.0, 0.0), (1.1, -0.2)),
    false_matches=ErrorCurve(
        "Toy faces", 100, ((-3.0, 100, 0.963, 1.0), (0.5, 3, 0.006, 0.086), (2.0, 0, 0.0, 0.037))
    ),
    false_non_matches=ErrorCurve(
        "Toy faces", 100, ((-4.0, 100, 0.963, 1.0), (1.0, 2, 0.002, 0.071), (3.0, 0, 0.0, 0.037))
    ),
)


def network(seed: int = 0, config: NetworkConfig = TINY) -> SiameseNetwork:
    """A network with random weights, as random in its last layer as the constraint allows."""
    torch.manual_seed(seed)
    made = SiameseNetwork(config).eval()
    with torch.no_grad():
        made.head.weight.uniform_(-1.0, 0.0)
    return made


def write(folder: Path, seed: int = 0, calibrated: bool = True, card: str | None = None) -> str:
    """Write a checkpoint that sees the whole picture; returns the SHA-256 of its weights."""
    config = CheckpointConfig(
        TINY,
        detector="none",
        window=(0.0, 0.0, 112.0, 112.0),
        decision=RULE if calibrated else None,
        calibration={"people": 7},
        training=({"sources": {"toy_people.zip": "00"}, "pictures": 10},),
        license="other",
        license_reason="They are toys.",
    )
    sha256 = checkpoints.save(folder, network(seed), config)
    if card is not None:
        (folder / CARD).write_text(card, encoding="utf-8")
    return sha256


def edit_config(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change config.json as data."""
    content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    change(content)
    (folder / CONFIG).write_text(json.dumps(content), encoding="utf-8")


def edit_weights(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    """Change the tensors, and have config.json name the new file."""
    tensors = load_file(folder / WEIGHTS)
    change(tensors)
    save_file(tensors, folder / WEIGHTS)
    name_weights(folder)


def name_weights(folder: Path) -> None:
    """Have config.json name the weights that are there."""
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    edit_config(folder, lambda content: content.update(weights_sha256=sha256))


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def logits(made: SiameseNetwork) -> torch.Tensor:
    """What a network says of four fixed pairs of pictures."""
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(8, 3, 32, 32, generator=generator)
    with torch.no_grad():
        return made(pictures[:4], pictures[4:])
