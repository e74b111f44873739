"""A checkpoint on disk: model.safetensors, config.json, and README.md, its model card.

Everything that belongs to the weights travels with them: architecture, canonical crop, input
normalisation, decision rule, provenance, and the SHA-256 of the weights. Loading trusts nothing:
sizes are checked before memory is spent, and the network never runs on weights that were not
all there.
"""

import dataclasses
import hashlib
import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save_file

from siamese.calibration import DecisionRule, OperatingPoint, Rate
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig, SiameseNetwork

FORMAT_VERSION = 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
EMBEDDED = Path(__file__).resolve().parent.parent / "weights"
MAX_CONFIG_BYTES = 1 << 20
MAX_PARAMETERS = 200_000_000
DETECTORS = ("mtcnn", "none")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CheckpointConfig:
    """config.json as a value.

    `window` is the part of the 112 x 112 face template that the network sees (x0, y0, x1, y1);
    `detector` "none" means the whole picture is the crop. `decision` is None until the checkpoint
    has been calibrated. `calibration` and `training` are provenance: no answer depends on them.
    """

    network: NetworkConfig
    detector: str = "mtcnn"
    window: tuple[float, float, float, float] = (8.0, 20.0, 104.0, 116.0)
    decision: DecisionRule | None = None
    calibration: Mapping[str, Any] = field(default_factory=dict)
    training: tuple[Mapping[str, Any], ...] = ()
    license: str = "other"
    license_reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network that is ready to run, and what came with it."""

    network: SiameseNetwork
    config: CheckpointConfig
    sha256: str  # of model.safetensors
    origin: str  # the folder, or repo@commit


def save(folder: Path, network: SiameseNetwork, config: CheckpointConfig) -> str:
    """Write weights (16-bit floats) and config.json into `folder`; returns the weights' SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous().cpu()
        for name, value in network.state_dict().items()
    }
    part = folder / (WEIGHTS + ".part")
    save_file(tensors, part, metadata={"format": "pt"})
    part.replace(folder / WEIGHTS)
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    write_config(folder, config, sha256)
    return sha256


def write_config(folder: Path, config: CheckpointConfig, sha256: str) -> None:
    """Write config.json, naming the weights that it belongs to."""
    content = {"format_version": FORMAT_VERSION, "weights_sha256": sha256}
    content |= dataclasses.asdict(config)
    (folder / CONFIG).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def load_folder(folder: Path, origin: str | None = None) -> Checkpoint:
    """Load a checkpoint from a folder; the network is on the CPU and in evaluation mode.

    Raises CheckpointError, one sentence, where anything is missing, damaged or not ours.
    """
    content = read_config(folder)
    config = _config_from(content)
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(_no_weights(folder))
    shapes = _expected_shapes(config.network)
    _check_size(path, shapes)
    blob = path.read_bytes()
    sha256 = hashlib.sha256(blob).hexdigest()
    if sha256 != content["weights_sha256"]:
        raise CheckpointError(
            f"The weights in {folder} are not those that its {CONFIG} names (SHA-256"
            f" {sha256[:12]}..., expected {str(content['weights_sha256'])[:12]}...); get both again."
        )
    network = SiameseNetwork(config.network)
    network.load_state_dict(_read_tensors(blob, shapes, path), strict=True)
    return Checkpoint(network.eval(), config, sha256, origin or str(folder))


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder as plain data, its size, syntax and format version checked."""
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG}, so it is not a checkpoint of this kind.")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path} is larger than 1 MB, which no {CONFIG} of ours is.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}).") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if not isinstance(version, int) or version < 1:
        raise CheckpointError(f"{path} has no format_version, so it is not a checkpoint of ours.")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, this program reads up to {FORMAT_VERSION};"
            " update the program."
        )
    return content


def _config_from(content: Mapping[str, Any]) -> CheckpointConfig:
    values = {k: v for k, v in content.items() if k not in ("format_version", "weights_sha256")}
    if "weights_sha256" not in content:
        raise CheckpointError(f"{CONFIG} does not say which weights it belongs to.")
    try:
        network = _build(NetworkConfig, values.pop("network"))
        decision = values.pop("decision", None)
        window = tuple(float(v) for v in values.pop("window"))
        training = tuple(values.pop("training", ()))
        rule = None if decision is None else _decision_from(decision)
        config = _build(
            CheckpointConfig,
            values | {"network": network, "window": window, "decision": rule, "training": training},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{CONFIG} is damaged: {error!r}.") from error
    _check_values(config)
    return config


def _check_values(config: CheckpointConfig) -> None:
    network = config.network
    sizes = (network.image_size, network.channels, network.embedding_size)
    if not all(isinstance(size, int) and 0 < size <= 8192 for size in sizes):
        raise CheckpointError(f"{CONFIG} asks for an absurd size: {network}.")
    if network.channels not in (1, 3) or network.image_size > 1024:
        raise CheckpointError(f"{CONFIG} asks for an absurd input: {network}.")
    if not (math.isfinite(network.mean) and math.isfinite(network.std) and network.std > 0):
        raise CheckpointError(f"{CONFIG} has no sensible input normalisation: {network}.")
    if config.detector not in DETECTORS:
        raise CheckpointError(f"{CONFIG} names an unknown detector, '{config.detector}'.")
    if len(config.window) != 4 or not all(math.isfinite(v) for v in config.window):
        raise CheckpointError(f"{CONFIG} has no sensible crop window: {config.window}.")


def _decision_from(content: Mapping[str, Any]) -> DecisionRule:
    points = tuple(
        _build(
            OperatingPoint,
            dict(point) | {"fmr": _build(Rate, point["fmr"]), "fnmr": _build(Rate, point["fnmr"])},
        )
        for point in content["operating_points"]
    )
    scales = tuple((float(scale), float(offset)) for scale, offset in content["support_scales"])
    return _build(
        DecisionRule, dict(content) | {"operating_points": points, "support_scales": scales}
    )


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass from a mapping whose keys must fit; an unknown key is an error, never dropped."""
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise CheckpointError(f"{CONFIG} has keys that this program does not know: {unknown}.")
    return kind(**values)


def _expected_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors, found without spending memory on them."""
    try:
        with torch.device("meta"):
            network = SiameseNetwork(config)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{CONFIG} describes a network that cannot be built.") from error
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if sum(math.prod(shape) for shape in shapes.values()) > MAX_PARAMETERS:
        raise CheckpointError(f"{CONFIG} asks for more than {MAX_PARAMETERS:,} parameters.")
    return shapes


def _check_size(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare the file's header with what the network needs, before the file is read."""
    size = path.stat().st_size
    most = 8 * sum(math.prod(shape) for shape in shapes.values()) + MAX_CONFIG_BYTES
    if size > most:
        raise CheckpointError(f"{path} has {size:,} bytes, more than this network can have.")
    with path.open("rb") as file:
        start = file.read(8)
    if start[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04"):
        raise CheckpointError(f"{path} is a pickle, not safetensors; pickles are never loaded.")
    if len(start) < 8 or struct.unpack("<Q", start)[0] > min(size - 8, MAX_CONFIG_BYTES):
        raise CheckpointError(f"{path} is not a safetensors file, or only a part of one.")


def _read_tensors(
    blob: bytes, shapes: Mapping[str, tuple[int, ...]], path: Path
) -> dict[str, torch.Tensor]:
    try:
        tensors = load(blob)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); get it again.") from error
    if tensors.keys() != shapes.keys():
        odd = sorted(tensors.keys() ^ shapes.keys())
        raise CheckpointError(f"{path} has missing or extra tensors: {', '.join(odd[:5])}.")
    for name, value in tensors.items():
        if tuple(value.shape) != shapes[name]:
            raise CheckpointError(
                f"{path}: '{name}' has shape {tuple(value.shape)}, expected {shapes[name]}."
            )
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path}: '{name}' holds numbers that are not finite.")
    if bool((tensors["head.weight"] > 0).any()):
        raise CheckpointError(f"{path}: the head has positive weights, so it is not one of ours.")
    return tensors


def _no_weights(folder: Path) -> str:
    pickles = [p.name for p in folder.iterdir() if p.suffix in (".bin", ".pt", ".pth", ".pkl")]
    if pickles:
        return (
            f"{folder} has only a pickle ({pickles[0]}), which is never loaded; ask its owner for"
            f" {WEIGHTS}, or convert it on your own machine."
        )
    return f"{folder} has no {WEIGHTS}."
