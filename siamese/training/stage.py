"""One stage of a recipe, from files to a checkpoint: `python -m siamese train`.

A recipe is a chain of such stages. Each starts from the checkpoint of the one before (`init`) with
a schedule of its own, and appends itself to the `training` list of config.json.
"""

import contextlib
import dataclasses
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from siamese import checkpoint
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.errors import InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.network import NetworkConfig, SiameseNetwork
from siamese.training import people
from siamese.training.augment import plain
from siamese.training.batches import RelatedBatches, ShuffledBatches, centroids_of
from siamese.training.loop import Batches, Data, Schedule, run_stage
from siamese.training.objectives import SAME_PERSON, Distillation, Verification
from siamese.training.people import Part, Picture

CACHE = Path.home() / ".cache" / "siamese"
TEMPLATE_MARGIN = 8  # px around the 112 x 112 template in a stored 128 x 128 crop
STORED_SIDE = 128
MIN_PEOPLE = 20


@dataclass(frozen=True, slots=True)
class StageOptions:
    """What one stage is told on the command line."""

    objective: str  # "distill" or "verify"
    data: tuple[Path, ...]  # folders or zips of people
    schedule: Schedule
    unlabelled: tuple[Path, ...] = ()
    targets: tuple[Path, ...] = ()  # .npz files of target embeddings
    init: Path | None = None
    network: NetworkConfig = field(default_factory=NetworkConfig)  # where there is no init
    cache: Path = CACHE
    cpu: bool = False
    hard_weight: float = 0.5
    distillation_weight: float = 1.0


def train(options: StageOptions, folder: Path) -> None:
    """Run a stage and write its checkpoint into `folder`, which also keeps the log and the state.

    Raises InputError with what is missing, before anything is trained.
    """
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(options.schedule.seed)
    parent = checkpoint.load_folder(options.init) if options.init else None
    config = parent.config if parent else CheckpointConfig(options.network)
    network = parent.network if parent else SiameseNetwork(config.network)
    pictures = training_pictures(options)
    data = load_data(pictures, options, config)
    if options.objective == "distill":
        objective, batches = _distillation(network, data, options.schedule)
    else:
        objective, batches = _verification(network, pictures, data, options)
    validation = Validation.load(options, config)
    run_stage(
        objective, network, data, batches, options.schedule, folder, validation, options.cpu
    )  # fmt: skip
    record = _record(options, pictures, parent)
    trained = dataclasses.replace(
        config, decision=None, calibration={}, training=(*config.training, record)
    )
    checkpoint.save(folder, network, trained)


def training_pictures(options: StageOptions) -> list[Picture]:
    """Labelled pictures of the training part, and all unlabelled ones where targets teach them.

    Where there are targets, they also find people who stand in two sources under two names: whoever
    has a picture that close to a held-out person's is left out.
    """
    everyone = [p for source in options.data for p in people.list_pictures(source)]
    labelled = [p for p in everyone if people.part_of(p.identity) is Part.TRAIN]
    count = len({picture.identity for picture in labelled})
    if count < MIN_PEOPLE:
        raise InputError(
            f"Training needs at least {MIN_PEOPLE} people in its training part; there are {count}."
        )
    if not options.targets:
        if options.unlabelled:
            raise InputError("Pictures without identity teach nothing without --targets.")
        return labelled
    free = [p for source in options.unlabelled for p in people.list_pictures(source, False)]
    held_out = [p for p in everyone if people.part_of(p.identity) is not Part.TRAIN]
    return _without_held_out(labelled + free, held_out, options.targets)


def _without_held_out(
    pictures: Sequence[Picture], held_out: Sequence[Picture], files: Sequence[Path]
) -> list[Picture]:
    targets = people.read_targets(files, [*pictures, *held_out])
    close = people.close_to_any(targets[: len(pictures)], targets[len(pictures) :], SAME_PERSON)
    suspects = {p.identity for p, hit in zip(pictures, close, strict=True) if hit and p.identity}
    return [
        picture
        for picture, hit in zip(pictures, close, strict=True)
        if not hit and picture.identity not in suspects
    ]


def load_data(pictures: Sequence[Picture], options: StageOptions, config: CheckpointConfig) -> Data:
    """Pixels, targets and numbers of identities and families for these pictures."""
    channels = config.network.channels
    pixels = people.read_pixels(pictures, STORED_SIDE, channels, options.cache)
    targets = np.zeros((len(pictures), 1), np.float16)
    if options.targets:
        targets = people.read_targets(options.targets, pictures)
    return Data(
        pixels,
        targets,
        _numbers([picture.identity for picture in pictures]),
        _numbers([people.family(picture.identity) for picture in pictures]),
        stored_window(config),
    )


def stored_window(config: CheckpointConfig) -> tuple[float, float, float, float]:
    """The canonical crop in the coordinates of a stored crop."""
    x0, y0, x1, y1 = (edge + TEMPLATE_MARGIN for edge in config.window)
    return x0, y0, x1, y1


@torch.inference_mode()
def embed_stored(
    network: SiameseNetwork,
    pixels: np.ndarray,
    window: tuple[float, float, float, float],
    title: str = "",
    batch_size: int = 128,
) -> np.ndarray:
    """Embed stored crops (uint8 (N, C + 1, H, W)) as the product would: float32 (N, D)."""
    network.eval()
    device = next(network.parameters()).device
    starts = range(0, len(pixels), batch_size)
    found = []
    for start in tqdm(starts, title, disable=not title):
        stored = torch.from_numpy(np.array(pixels[start : start + batch_size]))
        pictures = plain(stored, window, network.config.image_size)
        found.append(network.embed(pictures.to(device)).cpu().numpy())
    return np.concatenate(found)


class Validation:
    """Error rates on validation people, for choosing between checkpoints and recipes."""

    MAX_PICTURES = 1500

    def __init__(
        self,
        pixels: np.ndarray,
        identities: np.ndarray,
        window: tuple[float, float, float, float],
    ) -> None:
        self.pixels, self.identities, self.window = pixels, identities, window

    @classmethod
    def load(cls, options: StageOptions, config: CheckpointConfig) -> "Validation | None":
        """The validation people of the same sources; None where there are too few to measure."""
        pictures = [
            picture
            for source in options.data
            for picture in people.list_pictures(source)
            if people.part_of(picture.identity) is Part.VALIDATION
        ]
        counts = Counter(picture.identity for picture in pictures)
        pictures = [picture for picture in pictures if counts[picture.identity] > 1]
        step = -(-len(pictures) // cls.MAX_PICTURES)
        keep = set(list(dict.fromkeys(p.identity for p in pictures))[:: max(1, step)])
        pictures = [picture for picture in pictures if picture.identity in keep]
        if len(keep) < 2:
            return None
        channels = config.network.channels
        pixels = people.read_pixels(pictures, STORED_SIDE, channels, options.cache)
        numbers = _numbers([picture.identity for picture in pictures])
        return cls(pixels, numbers, stored_window(config))

    def __call__(self, network: SiameseNetwork) -> dict[str, float]:
        """EER and the genuine rate at 1 % and 0.1 % false matches over all pairs."""
        embeddings = torch.from_numpy(embed_stored(network, self.pixels, self.window))
        device = next(network.parameters()).device
        rows = [network.compare(e[None].to(device), embeddings.to(device)) for e in embeddings]
        logits = torch.stack(rows).detach().cpu().numpy()
        upper = np.triu(np.ones(logits.shape, bool), 1)
        same = self.identities[:, None] == self.identities[None]
        genuine, impostor = np.sort(logits[same & upper]), np.sort(logits[~same & upper])
        missed = np.searchsorted(genuine, impostor, side="left") / len(genuine)
        matched = 1 - np.arange(len(impostor)) / len(impostor)
        crossing = int(np.argmax(missed >= matched))
        return {
            "validation_eer": float((missed[crossing] + matched[crossing]) / 2),
            "validation_tar_1": float(1 - missed[np.argmax(matched <= 1e-2)]),
            "validation_tar_0_1": float(1 - missed[np.argmax(matched <= 1e-3)]),
        }


def _distillation(
    network: SiameseNetwork, data: Data, schedule: Schedule
) -> tuple[nn.Module, Batches]:
    if not np.abs(data.targets[:, :8]).sum(1).all():
        raise InputError("Some pictures have no target embedding; check --targets.")
    if data.targets.shape[1] != network.config.embedding_size:
        raise InputError(
            f"The targets have {data.targets.shape[1]} numbers each, the network's embedding"
            f" {network.config.embedding_size}; set --embedding-size to match."
        )
    batches = ShuffledBatches(len(data.pixels), schedule.batch_size, schedule.seed)
    return Distillation(network), batches


def _verification(
    network: SiameseNetwork, pictures: Sequence[Picture], data: Data, options: StageOptions
) -> tuple[nn.Module, Batches]:
    named = [picture for picture in pictures if picture.identity]
    pixels = data.pixels[: len(named)]  # the labelled pictures come first
    embeddings = embed_stored(network, pixels, data.window, "look-alikes")
    if options.init:
        _start_head(network, named, embeddings)
    centroids = centroids_of(named, embeddings)
    schedule = options.schedule
    batches = RelatedBatches(named, centroids, schedule.batch_size, schedule.seed)
    weight = options.distillation_weight if options.targets else 0.0
    return Verification(network, options.hard_weight, weight), batches


def _start_head(
    network: SiameseNetwork, pictures: Sequence[Picture], embeddings: np.ndarray
) -> None:
    """Scale the head as the training pairs have it, so that it need only be refined.

    Where they say nothing (perfectly told apart, or not at all) the head starts as it is.
    """
    with contextlib.suppress(InputError):
        pairs = fitting.draw_pairs(fitting.Labels.of(pictures), impostors=None)
        platt = fitting.fit_platt(pairs.scores(Comparison.of(network), embeddings))
        network.fold(platt.scale, platt.offset)


def _numbers(names: Sequence[str]) -> np.ndarray:
    """A number for each different name, -1 for "": int64 (N,)."""
    number: dict[str, int] = {"": -1}
    return np.array([number.setdefault(name, len(number) - 1) for name in names], np.int64)


def _record(
    options: StageOptions, pictures: Sequence[Picture], parent: Checkpoint | None
) -> dict[str, Any]:
    """What config.json says of this stage."""
    sources = [*options.data, *options.unlabelled, *options.targets]
    schedule = dataclasses.asdict(options.schedule)
    return {
        "command": "python -m siamese " + " ".join(_portable(word) for word in sys.argv[1:]),
        "objective": options.objective,
        "schedule": {k: v for k, v in schedule.items() if not k.endswith("_every")},
        "people": len({p.identity for p in pictures if p.identity}),
        "pictures": len(pictures),
        "sources": {source.name: people.fingerprint(source) for source in sources},
        "parent_sha256": parent.sha256 if parent else None,
        "commit": _commit(),
        "torch": torch.__version__,
    }


def _portable(word: str) -> str:
    """A command-line word without the folders of the machine it was typed on."""
    return Path(word).name if Path(word).is_absolute() else word


def _commit() -> str | None:
    root = Path(__file__).resolve().parent
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
