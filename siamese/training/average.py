"""`python -m siamese average`: one network whose weights are the mean of several of one recipe.

Networks trained on from a common one lie in the same basin of the loss, and their mean, untrained
since, is often better than each (Wortsman et al. 2022, "Model soups: averaging weights of multiple
fine-tuned models improves accuracy without increasing inference time", section 2). Running
statistics of batch norms are averaged like weights.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from siamese import checkpoint as checkpoints
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.errors import InputError
from siamese.network import Siamese
from siamese.training.provenance import made_by

Record = dict[str, Any]


def average(folders: Sequence[Path], out: Path, shares: Sequence[float] = ()) -> Checkpoint:
    """Average the checkpoints in `folders` by their `shares` (equal by default) into `out`.

    The result has to be calibrated again. Its record lists the stages of all of them and ends with
    their hashes and shares.

    Whether mirror images are embedded too (`NetworkConfig.mirrored`) is the first one's choice.

    Raises:
        InputError: fewer than two checkpoints, `out` among them, shares that do not fit, or
            checkpoints that do not compare the same way, have no first stage in common, or differ
            in their licences.
        CheckpointError: one of them is missing or damaged.
    """
    shares = _checked(shares or [1.0] * len(folders), len(folders))
    if out.resolve() in [folder.resolve() for folder in folders]:
        raise InputError(f"{out} would be overwritten; choose another folder for the average.")
    parents = [checkpoints.load_folder(folder).bare() for folder in folders]
    first = parents[0].config
    _check_related(parents)
    network = Siamese(first.network)
    network.load_state_dict(mean([parent.network.state_dict() for parent in parents], shares))
    record = {
        "objective": "average",
        "shares": list(shares),
        "parents_sha256": [parent.sha256 for parent in parents],
        **made_by(),
    }
    if "split" in first.training[0]:
        record["split"] = first.training[0]["split"]
    chain = (*joined(parent.config.training for parent in parents), record)
    config = dataclasses.replace(first, training=chain)
    checkpoints.save(out, network, config)
    return checkpoints.load_folder(out)


def mean(states: Sequence[Mapping[str, Tensor]], shares: Sequence[float]) -> dict[str, Tensor]:
    """The weighted mean of state dicts with the same names and shapes; `shares` add up to one.

    Whatever is not a float, namely the counters of batch norms, is taken from the first.
    """
    return {
        name: torch.stack([s * state[name] for s, state in zip(shares, states, strict=True)]).sum(0)
        if value.is_floating_point()
        else value
        for name, value in states[0].items()
    }


def joined(chains: Iterable[Sequence[Record]]) -> list[Record]:
    """The stages of several chains, each once, each after those that it stands on."""
    stages: list[Record] = []
    for chain in chains:
        stages += [record for record in chain if record not in stages]
    return stages


def _checked(shares: Sequence[float], count: int) -> list[float]:
    """The shares, made to add up to one."""
    if count < 2:
        raise InputError("An average takes at least two checkpoints.")
    if len(shares) != count:
        raise InputError(f"There are {count} checkpoints and {len(shares)} shares; give one each.")
    if not all(0 < share < float("inf") for share in shares):
        raise InputError("Shares must be larger than 0, as in --shares 65 35.")
    return [share / sum(shares) for share in shares]


def _check_related(parents: Sequence[Checkpoint]) -> None:
    """InputError unless all see, embed and compare the same way and share their first stage."""
    first = parents[0]
    for other in parents[1:]:
        if _view(other.config) != _view(first.config):
            raise InputError(
                f"{first.origin} and {other.origin} differ in network, detector or crop window, so"
                " there is no average of them."
            )
        if first.config.training[:1] != other.config.training[:1] or not first.config.training:
            raise InputError(
                f"{first.origin} and {other.origin} have no stage of training in common; only"
                " networks that were trained on from the same one can be averaged."
            )
        if _licence(other.config) != _licence(first.config):
            raise InputError(
                f"{first.origin} and {other.origin} have different licences; give both the one that"
                " the average is to have (`calibrate --license`)."
            )


def _view(config: CheckpointConfig) -> tuple[Any, ...]:
    plain = dataclasses.replace(config.network, mirrored=False)  # changes no weight
    return plain, config.detector, config.window


def _licence(config: CheckpointConfig) -> tuple[str, str]:
    return config.license, config.license_reason
