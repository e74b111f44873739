"""Turn a pickled PyTorch file into a checkpoint folder, on one's own machine.

A pickle can run any program when it is loaded; the restricted loader of torch is used, which
refuses everything but tensors and plain containers; even so, convert only what you trust.
"""

import dataclasses
import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from siamese import checkpoint as checkpoints
from siamese.checkpoint import CONFIG, PICKLES, CheckpointConfig
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig, Siamese


def convert(source: Path, out: Path, network: NetworkConfig | None = None) -> str:
    """Convert a pickle, or a folder with one, into the checkpoint folder `out`.

    `network` describes the architecture; by default it is read from the config.json beside
    the pickle. A decision rule there is kept only where it names exactly the weights that come out:
    thresholds that were fitted for other weights would be false.
    Returns the new weights' SHA-256. Raises CheckpointError, one sentence, where it cannot be done.
    """
    path = _pickle_of(source)
    config = CheckpointConfig.bare(network) if network else _config_beside(path)
    named = None if network else checkpoints.read_config(path.parent).get("weights_sha256")
    tensors = _read(path)
    built = Siamese(config.network)
    expected = {name: tuple(value.shape) for name, value in built.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if expected != found:
        odd = sorted(n for n in expected | found if expected.get(n) != found.get(n))
        raise CheckpointError(
            f"{path} does not fit {config.network}: tensors that are missing, extra or of another"
            f" shape: {', '.join(odd[:5])}."
        )
    built.load_state_dict(tensors, strict=True)
    if hashlib.sha256(checkpoints.packed(built)).hexdigest() != named:
        config = dataclasses.replace(config, decision=None, calibration={})
    return checkpoints.save(out, built, config)


def _pickle_of(source: Path) -> Path:
    if source.is_file():
        return source
    found = sorted(p for p in source.glob("*") if p.suffix in PICKLES) if source.is_dir() else []
    if len(found) != 1:
        raise CheckpointError(f"{source} is neither a file nor a folder with exactly one pickle.")
    return found[0]


def _config_beside(path: Path) -> CheckpointConfig:
    if not (path.parent / CONFIG).is_file():
        raise CheckpointError(
            f"Nothing says which network {path} belongs to: there is no {CONFIG} beside it; name"
            " backbone, image size and embedding size."
        )
    return checkpoints.read_settings(path.parent)


def _read(path: Path) -> Mapping[str, torch.Tensor]:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged or holds more than tensors, so it was not opened."
        ) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise CheckpointError(f"{path} does not hold the tensors of one network.")
    return content
