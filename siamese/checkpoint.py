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
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save_file

from siamese.calibration import DecisionRule, FalseMatchCurve, OperatingPoint, Rate
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig, Siamese

FORMAT_VERSION = 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
METRICS = "metrics.json"  # what `evaluate` measured of them
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "weights"  # a wheel carries them in the package, a checkout beside it
EMBEDDED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "weights"
EMBEDDED_NAME = "embedded"
DRAWINGS = EMBEDDED / "omniglot"  # embedded too: compares drawn characters
MAX_CONFIG_BYTES = 1 << 20
MAX_PARAMETERS = 200_000_000
MAX_WEIGHTS_BYTES = 4 * MAX_PARAMETERS + MAX_CONFIG_BYTES
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
DETECTORS = ("mtcnn", "none")
PROVENANCE = {"calibration", "training", "license", "license_reason"}
SHAPE = {"blocks", "widths", "features"}
OPTIONAL = {"false_matches", "mirrored", *SHAPE}  # what checkpoints of before do not have

# Kinds of numbers that a file may hold, in the words of the safetensors format.
FLOATS, COUNTERS = ("F16", "BF16", "F32"), ("I64",)

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

    @property
    def compared(self) -> tuple[str, int, int, tuple[float, float, float, float]]:
        """What the network was trained to compare, as `faces.detector_for` takes it."""
        return self.detector, self.network.image_size, self.network.channels, self.window

    @classmethod
    def bare(cls, network: NetworkConfig) -> "CheckpointConfig":
        """Of a network of which nothing else is known; grey pictures are compared whole."""
        return cls(network) if network.channels == 3 else cls.whole(network)

    @classmethod
    def whole(cls, network: NetworkConfig) -> "CheckpointConfig":
        """Of a network that compares whole pictures and has not been trained yet."""
        side = float(network.image_size)
        return cls(network, "none", (0.0, 0.0, side, side))


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A network that is ready to run, and what came with it."""

    network: Siamese
    config: CheckpointConfig
    sha256: str  # of model.safetensors
    origin: str  # the folder as it was named, repo@commit, or EMBEDDED_NAME
    note: str = ""  # a sentence where it may not be the newest one
    folder: Path | None = None  # where its files lie, the card among them

    @property
    def rule(self) -> DecisionRule:
        """The decision rule; CheckpointError where the network was never calibrated."""
        if self.config.decision is None:
            raise CheckpointError(
                f"The network in {self.origin} has not been calibrated, so its number is not a"
                " probability; run `python -m siamese calibrate` on it first."
            )
        return self.config.decision

    @property
    def public_name(self) -> str:
        """What answers call it: visitors learn the name of a folder, not where it lies."""
        if self.folder is None or self.origin != str(self.folder):
            return self.origin
        return self.folder.absolute().name


def save(folder: Path, network: Siamese, config: CheckpointConfig) -> str:
    """Write weights (16-bit floats) and config.json into `folder`; returns the weights' SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / (WEIGHTS + ".part")
    save_file(stored(network), part, metadata={"format": "pt"})
    part.replace(folder / WEIGHTS)
    sha256 = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    write_config(folder, config, sha256)
    return sha256


def stored(network: Siamese) -> dict[str, torch.Tensor]:
    """The tensors as a file holds them: 16-bit floats, or 32 where 16 bits are too few."""
    tensors = {}
    for name, value in network.state_dict().items():
        stored = value.detach().cpu().contiguous()
        if stored.is_floating_point() and bool(stored.half().isfinite().all()):
            stored = stored.half()
        tensors[name] = stored
    return tensors


def write_config(folder: Path, config: CheckpointConfig, sha256: str) -> None:
    """Write config.json, naming the weights that it belongs to."""
    content = {"format_version": FORMAT_VERSION, "weights_sha256": sha256}
    content |= dataclasses.asdict(config)
    shape = config.network.shape
    network = dataclasses.asdict(config.network).items()
    content["network"] = {k: v for k, v in network if k not in SHAPE or k in shape}
    (folder / CONFIG).write_text(dense(json.dumps(content, indent=2)) + "\n", encoding="utf-8")


def dense(document: str) -> str:
    """Indented JSON with each list of plain numbers on one line; a string holds no line break."""
    return re.sub(
        r"\[\n[\s\d.,eE+-]+\]",
        lambda numbers: "[" + " ".join(numbers[0][1:-1].split()) + "]",
        document,
    )


def load_folder(
    folder: Path, origin: str | None = None, sha256: str | None = None, note: str = ""
) -> Checkpoint:
    """Load a checkpoint from a folder; the network is on the CPU and in evaluation mode.

    `origin` says where it comes from (the folder by default); `sha256`, where given, is what the
    caller expects of the weights. Raises CheckpointError, one sentence, where anything is missing,
    damaged or not ours.
    """
    origin = origin or str(folder)
    if not folder.is_dir():
        raise CheckpointError(f"There is no folder {folder}, so there is no checkpoint in it.")
    content = read_config(folder)
    config = _config_from(content, folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(_no_weights(folder))
    shapes = _expected_shapes(config.network)
    _check_header(path, shapes)
    blob = path.read_bytes()
    found = hashlib.sha256(blob).hexdigest()
    if found != content["weights_sha256"]:
        raise CheckpointError(
            f"The weights of {origin} are not those that its {CONFIG} names (SHA-256"
            f" {found[:12]}..., expected {str(content['weights_sha256'])[:12]}...); get both again,"
            " from the Hub with --refresh."
        )
    if sha256 not in (None, found):
        raise CheckpointError(
            f"The weights of {origin} have the SHA-256 {found[:12]}..., not the"
            f" {str(sha256)[:12]}... that was asked for."
        )
    tensors = _read_tensors(blob, path)
    network = Siamese(config.network)
    network.load_state_dict(tensors, strict=True)
    return Checkpoint(network.eval(), config, found, origin, note, folder)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder as plain data, its size, syntax and format version checked."""
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG}, so it is not a checkpoint of this kind.")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path} is larger than 1 MB, which no {CONFIG} of ours is.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
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


def read_settings(folder: Path) -> CheckpointConfig:
    """config.json of a folder as a value, checked as strictly as loading does."""
    return _config_from(read_config(folder), folder)


def _config_from(content: Mapping[str, Any], folder: Path) -> CheckpointConfig:
    try:
        return _parse_config(content)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}: {error}") from error


def _parse_config(content: Mapping[str, Any]) -> CheckpointConfig:
    values = {k: v for k, v in content.items() if k not in ("format_version", "weights_sha256")}
    if "weights_sha256" not in content:
        raise CheckpointError(f"{CONFIG} does not say which weights it belongs to.")
    try:
        given = values.pop("network")
        shape = {k: v for k, v in given.items() if k in SHAPE} if isinstance(given, dict) else {}
        triples = {k: tuple(v) for k, v in shape.items() if isinstance(v, list)}
        network = _build(NetworkConfig, given | triples if triples else given)
        decision = values.pop("decision", None)
        window = tuple(float(v) for v in values.pop("window"))
        training = tuple(values.pop("training", ()))
        rule = None if decision is None else _decision_from(decision)
        config = _build(
            CheckpointConfig,
            values | {"network": network, "window": window, "decision": rule, "training": training},
        )
        _check_values(config)
        if rule is not None:
            _check_decision(rule)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(f"{CONFIG} is damaged: {error!r}.") from error
    return config


def _check_values(config: CheckpointConfig) -> None:
    network = config.network
    sizes = (network.image_size, network.channels, network.embedding_size)
    if not all(isinstance(size, int) and 0 < size <= 8192 for size in sizes):
        raise CheckpointError(f"{CONFIG} asks for an absurd size: {network}.")
    blocks, widths = network.blocks or (1, 1, 1), network.widths or (2, 2, 2)
    shape = (*blocks, *widths, network.features or 1)
    if not all(isinstance(size, int) and 0 < size <= 8192 for size in shape):
        raise CheckpointError(f"{CONFIG} asks for an absurd shape: {network}.")
    if not (len(blocks) == len(widths) == 3 and max(blocks) <= 64 and min(widths) >= 2):
        raise CheckpointError(f"{CONFIG} asks for an absurd shape: {network}.")
    if not isinstance(network.mirrored, bool):
        raise CheckpointError(f"{CONFIG} does not say whether pictures are mirrored: {network}.")
    if network.channels not in (1, 3) or network.image_size > 1024:
        raise CheckpointError(f"{CONFIG} asks for an absurd input: {network}.")
    if not (math.isfinite(network.mean) and math.isfinite(network.std) and network.std > 0):
        raise CheckpointError(f"{CONFIG} has no sensible input normalisation: {network}.")
    if config.detector not in DETECTORS:
        raise CheckpointError(f"{CONFIG} names an unknown detector, '{config.detector}'.")
    x0, y0, x1, y1 = config.window if len(config.window) == 4 else (0.0, 0.0, 0.0, 0.0)
    if not (-1000 < x0 < x1 < 1000 and -1000 < y0 < y1 < 1000):
        raise CheckpointError(f"{CONFIG} has no sensible crop window: {config.window}.")
    square = math.isclose(x1 - x0, y1 - y0)
    if config.detector == "mtcnn" and not (network.channels == 3 and square):
        raise CheckpointError(
            f"{CONFIG} asks for faces, which take a square window and 3 channels, not"
            f" {config.window} and {network.channels}."
        )
    if not isinstance(config.license, str) or not isinstance(config.license_reason, str):
        raise CheckpointError(f"{CONFIG} does not name a licence.")
    if not all(isinstance(item, Mapping) for item in (config.calibration, *config.training)):
        raise CheckpointError(f"{CONFIG} has provenance that is not a record.")


def _check_decision(rule: DecisionRule) -> None:
    numbers = [rule.different_below, *(point.threshold for point in rule.operating_points)]
    numbers += [number for pair in rule.support_scales for number in pair]
    rates = [rate for point in rule.operating_points for rate in (point.fmr, point.fnmr)]
    numbers += [number for rate in rates for number in (rate.low, rate.high)]
    if not rule.operating_points or not rule.support_scales:
        raise CheckpointError(f"{CONFIG} has a decision rule without operating points or scales.")
    if not all(math.isfinite(number) for number in numbers):
        raise CheckpointError(f"{CONFIG} has a decision rule with numbers that are not finite.")
    if not all(0 <= rate.errors <= rate.trials for rate in rates):
        raise CheckpointError(f"{CONFIG} has error rates with more errors than trials.")
    if rule.false_matches is not None:
        _check_curve(rule.false_matches)


def _check_curve(curve: FalseMatchCurve) -> None:
    """All impostor pairs at the lowest level, fewer at each higher, each inside its interval."""
    logits, errors = [level[0] for level in curve.levels], [level[1] for level in curve.levels]
    counts = isinstance(curve.trials, int) and all(isinstance(count, int) for count in errors)
    if not (
        counts
        and isinstance(curve.measured_on, str)
        and logits
        and all(math.isfinite(logit) for logit in logits)
        and all(low < high for low, high in pairwise(logits))
        and all(more > fewer >= 0 for more, fewer in pairwise(errors))
        and errors[0] == curve.trials > 0
        and all(0 <= low <= n / curve.trials <= high <= 1 for _, n, low, high in curve.levels)
    ):
        raise CheckpointError(f"{CONFIG} has a curve of false matches that contradicts itself.")


def _decision_from(content: Mapping[str, Any]) -> DecisionRule:
    points = tuple(
        _build(
            OperatingPoint,
            dict(point) | {"fmr": _build(Rate, point["fmr"]), "fnmr": _build(Rate, point["fnmr"])},
        )
        for point in content["operating_points"]
    )
    scales = tuple((float(scale), float(offset)) for scale, offset in content["support_scales"])
    curve = content.get("false_matches")
    return _build(
        DecisionRule,
        dict(content)
        | {
            "operating_points": points,
            "support_scales": scales,
            "false_matches": None if curve is None else curve_from(curve),
        },
    )


def curve_from(content: Mapping[str, Any]) -> FalseMatchCurve:
    """A curve of false matches from plain data; CheckpointError for missing or unknown keys."""
    levels = tuple(
        (float(logit), errors, float(low), float(high))
        for logit, errors, low, high in content["levels"]
    )
    return _build(FalseMatchCurve, dict(content) | {"levels": levels})


def _build(kind: type[T], values: Mapping[str, Any]) -> T:
    """A dataclass from a mapping whose keys must fit: none is dropped, and none is made up.

    Provenance may be missing, since no answer depends on it, and so may what is OPTIONAL.
    """
    known = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - known)
    if unknown:
        raise CheckpointError(f"{CONFIG} has keys that this program does not know: {unknown}.")
    missing = sorted(known - set(values) - PROVENANCE - OPTIONAL)
    if missing:
        raise CheckpointError(f"{CONFIG} lacks keys that this program needs: {missing}.")
    return kind(**values)


def _expected_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors, found without spending memory on them."""
    try:
        with torch.device("meta"), torch.no_grad():
            network = Siamese(config).eval()
            # A size that is too small for the layers shows only when a picture goes through.
            network.embed(torch.zeros(1, config.channels, config.image_size, config.image_size))
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{CONFIG} describes a network that cannot be built.") from error
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if sum(math.prod(shape) for shape in shapes.values()) > MAX_PARAMETERS:
        raise CheckpointError(f"{CONFIG} asks for more than {MAX_PARAMETERS:,} parameters.")
    return shapes


def _check_header(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Compare the tensors that the file announces with what the network needs, reading no tensor.

    The format: 8 bytes, the length of the header; the header, JSON, with dtype, shape and place of
    each tensor; the tensors.
    """
    size = path.stat().st_size
    most = 4 * sum(math.prod(shape) for shape in shapes.values()) + MAX_CONFIG_BYTES
    if size > most:
        raise CheckpointError(f"{path} has {size:,} bytes, more than this network can have.")
    with path.open("rb") as file:
        start = file.read(8)
        if start[:2] == b"PK" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05"):
            raise CheckpointError(
                f"{path} is a pickle under another name; pickles can run any program and are"
                " never loaded."
            )
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > min(size - 8, MAX_CONFIG_BYTES):
            raise CheckpointError(f"{path} is not a safetensors file, or only a part of one.")
        announced = _parse_header(file.read(length), path)
    odd = sorted(announced.keys() ^ shapes.keys())
    if odd:
        raise CheckpointError(f"{path} has missing or extra tensors: {', '.join(odd[:5])}.")
    for name, (dtype, shape) in announced.items():
        if shape != shapes[name]:
            raise CheckpointError(f"{path}: '{name}' has shape {shape}, expected {shapes[name]}.")
        if dtype not in (COUNTERS if name.endswith("num_batches_tracked") else FLOATS):
            raise CheckpointError(f"{path}: '{name}' has numbers of an unexpected kind, {dtype}.")


def _parse_header(header: bytes, path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Dtype and shape of each tensor that a safetensors header announces."""
    try:
        content = json.loads(header)
        return {
            name: (str(item["dtype"]), tuple(item["shape"]))
            for name, item in content.items()
            if name != "__metadata__"
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file, or only a part of one."
        ) from error


def _read_tensors(blob: bytes, path: Path) -> dict[str, torch.Tensor]:
    try:
        tensors = load_tensors(blob)
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged ({error}); get it again.") from error
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path}: '{name}' holds numbers that are not finite.")
        if name.endswith("running_var") and bool((value < 0).any()):
            raise CheckpointError(f"{path}: '{name}' holds negative variances.")
    if bool((tensors["head.weight"] > 0).any()):
        raise CheckpointError(f"{path}: the head has positive weights, so it is not one of ours.")
    return tensors


def _no_weights(folder: Path) -> str:
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
    if pickles:
        return (
            f"{folder} has only a pickle ({pickles[0]}), which can run any program and is never"
            f" loaded; ask its owner for {WEIGHTS}, or convert it on your own machine with"
            " `python -m siamese convert`."
        )
    return f"{folder} has no {WEIGHTS}."
