"""A checkpoint on disk: model.safetensors, config.json, and README.md, its model card.

Everything that belongs to the weights travels with them: architecture, canonical crop, input
normalisation, decision rule, provenance, and the SHA-256 of the weights. Loading trusts nothing:
sizes are checked before memory is spent, and the network never runs on weights that were not
all there.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pydantic.dataclasses
import torch
from pydantic import Field, ValidationError, model_validator
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from siamese import writing
from siamese.calibration import DecisionRule
from siamese.errors import CheckpointError
from siamese.network import NetworkConfig, Siamese
from siamese.values import STRICT, Value, adapter, complaint, readable

FORMAT_VERSION = 1
WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "README.md"
METRICS = "metrics.json"  # what `evaluate` measured of them
_PACKAGE = Path(__file__).resolve().parent
_INSTALLED = _PACKAGE / "weights"  # a wheel carries them in the package, a checkout beside it
EMBEDDED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "weights"
EMBEDDED_NAME = "embedded"
VARIABLE = "SIAMESE_CHECKPOINT"  # of the environment: names the one to answer with
DRAWINGS = EMBEDDED / "omniglot"  # embedded too: compares drawn characters
MAX_CONFIG_BYTES = 1 << 20
MAX_CARD_BYTES = 4 << 20
MAX_PARAMETERS = 200_000_000
MAX_WEIGHTS_BYTES = 4 * MAX_PARAMETERS + MAX_CONFIG_BYTES
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt")
# What a config.json may lack: no answer depends on it, or there is nothing to say.
MAY_LACK = {"decision", "calibration", "training", "license", "license_reason"}

# Kinds of numbers that a file may hold.
FLOATS, COUNTERS = (torch.float16, torch.bfloat16, torch.float32), (torch.int64,)

Edge = Annotated[float, Field(gt=-1000, lt=1000)]
Record = dict[str, Any]


@pydantic.dataclasses.dataclass(frozen=True, slots=True, config=STRICT)
class CheckpointConfig(Value):
    """config.json as a value.

    `window` is the part of the 112 x 112 face template that the network sees (x0, y0, x1, y1);
    `detector` "none" means the whole picture is the crop. `decision` is None until the checkpoint
    has been calibrated. `calibration` and `training` are provenance: no answer depends on them.
    """

    network: NetworkConfig
    detector: Literal["mtcnn", "none"] = "mtcnn"
    window: tuple[Edge, Edge, Edge, Edge] = (8.0, 20.0, 104.0, 116.0)
    decision: DecisionRule | None = None
    calibration: Record = field(default_factory=dict)
    training: tuple[Record, ...] = ()
    license: str = "other"
    license_reason: str = ""

    @model_validator(mode="after")
    def _fits_the_detector(self) -> Self:
        x0, y0, x1, y1 = self.window
        if not (x0 < x1 and y0 < y1):
            raise ValueError(f"has no sensible crop window: {self.window}")
        square = math.isclose(x1 - x0, y1 - y0)
        if self.detector == "mtcnn" and not (self.network.channels == 3 and square):
            raise ValueError(
                "asks for faces, which take a square window and 3 channels, not"
                f" {self.window} and {self.network.channels}"
            )
        return self

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
    note: str = ""  # a sentence if it may not be the newest one
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

    def bare(self) -> "Checkpoint":
        """What training goes on from: without all that calibration adds; see `Siamese.bare`."""
        network = self.network.bare()
        config = replace(self.config, network=network.config, decision=None, calibration={})
        return replace(self, network=network, config=config)

    @property
    def public_name(self) -> str:
        """What answers call it: visitors see the name of a folder, not its path."""
        if self.folder is None or self.origin != str(self.folder):
            return self.origin
        return self.folder.absolute().name


def save(folder: Path, network: Siamese, config: CheckpointConfig) -> str:
    """Write weights (16-bit floats) and config.json into `folder`; returns the weights' SHA-256.

    Both are there or neither, whatever happens meanwhile. CheckpointError, and a checkpoint there
    is as it was, where this one would not load.
    """
    weights = packed(network)
    sha256 = hashlib.sha256(weights).hexdigest()
    with writing.together(folder) as draft:
        writing.write(draft / WEIGHTS, weights)
        write_config(draft, config, sha256)
        try:
            load_folder(draft)
        except CheckpointError as error:
            raise CheckpointError(str(error).replace(str(draft), str(folder))) from error
    return sha256


def packed(network: Siamese) -> bytes:
    """model.safetensors of a network."""
    return save_tensors(stored(network), {"format": "pt"})


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
    content = {"format_version": FORMAT_VERSION, "weights_sha256": sha256} | _written(config)
    writing.write(folder / CONFIG, (dense(json.dumps(content, indent=2)) + "\n").encode())


def _written(config: CheckpointConfig) -> dict[str, Any]:
    """A config as plain data, without what follows from the rest."""
    data: dict[str, Any] = adapter(CheckpointConfig).dump_python(
        config, mode="json", exclude_computed_fields=True
    )
    return data


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
    damaged or foreign.
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
    blob = _read_weights(path, shapes)
    found = hashlib.sha256(blob).hexdigest()
    if found != content["weights_sha256"]:
        raise CheckpointError(
            f"The weights of {origin} are not those that its {CONFIG} names (SHA-256"
            f" {found[:12]}..., expected {content['weights_sha256'][:12]}...); get both again,"
            " from the Hub with --refresh."
        )
    if sha256 not in (None, found):
        raise CheckpointError(
            f"The weights of {origin} have the SHA-256 {found[:12]}..., not the"
            f" {str(sha256)[:12]}... that was asked for."
        )
    tensors = _tensors_of(blob, path)
    _check_tensors(tensors, shapes, path)
    network = Siamese(config.network)
    network.load_state_dict(tensors, strict=True)
    return Checkpoint(network.eval(), config, found, origin, note, folder)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a folder as plain data, its size, syntax and format version checked."""
    try:
        writing.settle(folder)
    except OSError as error:
        raise CheckpointError(
            f"{folder} has a checkpoint that was not put in its place to the end, which this"
            f" program may not do ({error.strerror}); allow it to write there once."
        ) from error
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"{folder} has no {CONFIG}, so it is not a siamese checkpoint.")
    if path.stat().st_size > MAX_CONFIG_BYTES:
        raise CheckpointError(
            f"{path} is larger than 1 MB, which the {CONFIG} of a siamese checkpoint never is."
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not valid JSON ({error}).") from error
    version = content.get("format_version") if isinstance(content, dict) else None
    if type(version) is not int or version < 1:  # True is an int, too
        raise CheckpointError(f"{path} has no format_version, so it is not a siamese checkpoint.")
    if version > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, this program reads up to {FORMAT_VERSION};"
            " update the program."
        )
    return content


def read_card(folder: Path, origin: str | None = None) -> str | None:
    """The model card in a folder, None where there is none.

    `origin` is what to call the checkpoint. Raises CheckpointError where the card is no text.
    """
    path = folder / CARD
    if not path.is_file():
        return None
    if path.stat().st_size > MAX_CARD_BYTES:
        raise CheckpointError(f"The model card of {origin or folder} is larger than 4 MB.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CheckpointError(
            f"The model card of {origin or folder} is not UTF-8 text; save it as such."
        ) from error


def read_settings(folder: Path) -> CheckpointConfig:
    """config.json of a folder as a value, checked as strictly as loading does."""
    return _config_from(read_config(folder), folder)


def _config_from(content: Mapping[str, Any], folder: Path) -> CheckpointConfig:
    if not re.fullmatch("[0-9a-f]{64}", str(content.get("weights_sha256"))):
        raise CheckpointError(f"{folder}: {CONFIG} does not say which weights it belongs to.")
    given = {k: v for k, v in content.items() if k not in ("format_version", "weights_sha256")}
    try:
        config: CheckpointConfig = parsed(CheckpointConfig, given, CONFIG)
    except CheckpointError as error:
        raise CheckpointError(f"{folder}: {error}") from error
    lost = sorted(set(_lost(_written(config), given)) - MAY_LACK)
    if lost:
        raise CheckpointError(
            f"{folder}: {CONFIG} lacks keys that this program needs: {', '.join(lost)}."
        )
    return config


def parsed(kind: Any, content: Any, name: str) -> Any:
    """A value of this class from plain data, which a file called `name` holds.

    Raises CheckpointError, one sentence, where a key is missing, unknown or of the wrong kind.
    """
    try:
        return adapter(kind).validate_json(json.dumps(content))
    except ValidationError as error:
        raise CheckpointError(f"{name} is wrong: {complaint(error, 'it')}.") from error


def _lost(written: Mapping[str, Any], given: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """The keys that a file would have if it were written now, and has not: no default fills in."""
    for key, value in written.items():
        if key not in given:
            yield path + key
        elif isinstance(value, dict):
            yield from _lost(value, given[key], f"{path}{key}.")


def _expected_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors, found without spending memory on them."""
    try:
        with torch.device("meta"):
            network = Siamese(config)
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(f"{CONFIG} describes a network that cannot be built.") from error
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    if sum(math.prod(shape) for shape in shapes.values()) > MAX_PARAMETERS:
        raise CheckpointError(f"{CONFIG} asks for more than {MAX_PARAMETERS:,} parameters.")
    return shapes


def _read_weights(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    """The file of weights, if it is no larger than this network can need."""
    size = path.stat().st_size
    if size > 4 * sum(math.prod(shape) for shape in shapes.values()) + MAX_CONFIG_BYTES:
        raise CheckpointError(f"{path} has {size:,} bytes, more than this network can have.")
    return path.read_bytes()


def _tensors_of(blob: bytes, path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_tensors(blob)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        if blob[:2] in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"):
            raise CheckpointError(
                f"{path} seems to be a pickle under another name; pickles can run any program and"
                " are never loaded."
            ) from error
        raise CheckpointError(
            f"{path} is not a safetensors file, or only a part of one; get it again."
        ) from error


def _check_tensors(
    tensors: Mapping[str, torch.Tensor], shapes: Mapping[str, tuple[int, ...]], path: Path
) -> None:
    """All tensors of the network and no others, of its shapes, with numbers that can be right."""
    odd = sorted(tensors.keys() ^ shapes.keys())
    if odd:
        names = ", ".join(readable(name) for name in odd[:5])
        raise CheckpointError(f"{path} has missing or extra tensors: {names}.")
    for name, value in tensors.items():
        shape, kinds = shapes[name], COUNTERS if name.endswith("num_batches_tracked") else FLOATS
        if value.shape != shape:
            raise CheckpointError(
                f"{path}: '{name}' has shape {tuple(value.shape)}, expected {shape}."
            )
        if value.dtype not in kinds:
            raise CheckpointError(f"{path}: '{name}' is of an unexpected kind, {value.dtype}.")
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise CheckpointError(f"{path}: '{name}' holds numbers that are not finite.")
        if name.endswith("running_var") and bool((value < 0).any()):
            raise CheckpointError(f"{path}: '{name}' holds negative variances.")
    if bool((tensors["head.weight"] > 0).any()):
        raise CheckpointError(
            f"{path}: the head has positive weights, which this network never has."
        )


def _no_weights(folder: Path) -> str:
    pickles = sorted(p.name for p in folder.iterdir() if p.suffix in PICKLES)
    if pickles:
        return (
            f"{folder} has only a pickle ({pickles[0]}), which can run any program and is never"
            f" loaded; ask its owner for {WEIGHTS}, or convert it on your own machine with"
            " `python -m siamese convert`."
        )
    return f"{folder} has no {WEIGHTS}."
