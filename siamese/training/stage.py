"""One stage of a recipe, from files to a checkpoint: `python -m siamese train`.

A recipe is a chain of such stages. Each starts from the checkpoint of the one before (`init`) with
a schedule of its own, and appends itself to the `training` list of config.json.
"""

import contextlib
import dataclasses
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from siamese import checkpoint
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.errors import InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.network import SiameseNetwork
from siamese.training import people
from siamese.training.batches import RelatedBatches, ShuffledBatches, centroids_of
from siamese.training.loop import STATE, Batches, Data, Schedule, run_stage
from siamese.training.objectives import SAME_PERSON, Distillation, Verification
from siamese.training.parent import Wanted, augmentation_for, settled
from siamese.training.people import Part, Picture
from siamese.training.split import Split
from siamese.training.teacher import Teacher
from siamese.training.stored import embed_stored, read_stored, stored_window
from siamese.training.validation import Validation

CACHE = Path.home() / ".cache" / "siamese"
MIN_PEOPLE = 20
HEAD_PEOPLE = 500  # whose pairs give the head its first scale


@dataclass(frozen=True, slots=True)
class StageOptions:
    """What one stage is told on the command line."""

    objective: str  # "distill" or "verify"
    data: tuple[Path, ...]  # folders or zips of people
    schedule: Schedule  # but for its augmentation, which follows from what is compared
    unlabelled: tuple[Path, ...] = ()
    targets: tuple[Path, ...] = ()  # .npz files of target embeddings
    teacher: Path | None = None  # the network that made the targets: it embeds each view anew
    emphasis: tuple[tuple[str, float], ...] = ()  # how often a source's people are drawn; 1 if none
    distillation: float = 1.0  # its weight beside the siamese objective
    init: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)  # the rest comes from `init`
    turns: bool = False  # every picture also turned by quarters, as another class
    group: int = 4  # identities that meet in a batch; see `RelatedBatches`
    kin: int = 2
    per_person: int = 4
    cache: Path = CACHE
    cpu: bool = False


def train(options: StageOptions, folder: Path) -> bool:
    """Run a stage and write its checkpoint into `folder`, which also keeps the log and the state.

    Where several processes share the work, the first one writes; returns whether this is it.

    Raises InputError with what is missing or contradicts `options.init`, before anything is
    trained.
    """
    parent = checkpoint.load_folder(options.init) if options.init else None
    config, split = settled(options.wanted, parent.config if parent else None)
    schedule = dataclasses.replace(options.schedule, augmentation=augmentation_for(config))
    options = dataclasses.replace(options, schedule=schedule)
    torch.manual_seed(schedule.seed)
    network = parent.network if parent else SiameseNetwork(config.network)
    pictures = training_pictures(options, split)
    folder.mkdir(parents=True, exist_ok=True)
    data = load_data(pictures, options, config)
    if options.objective == "distill":
        objective, batches = _distillation(network, data, schedule)
    else:
        objective, batches = _verification(network, pictures, data, options, split)
    validation = Validation.load(options.data, config, split, options.cache)
    sources = (*options.data, *options.unlabelled, *options.targets)
    hashes = {source: people.fingerprint(source) for source in sources}
    record = _record(options, split, pictures, parent, hashes)
    identity = _identity(options, config, split, parent, hashes)
    writes = run_stage(
        objective, network, data, batches, schedule, folder, validation, options.cpu, identity
    )
    if not writes:
        return False
    trained = dataclasses.replace(
        config, decision=None, calibration={}, training=(*config.training, record)
    )
    checkpoint.save(folder, network, trained)
    (folder / STATE).unlink(missing_ok=True)
    return True


def training_pictures(options: StageOptions, split: Split) -> list[Picture]:
    """Labelled pictures of the training part, and all unlabelled ones where targets teach them.

    Where there are targets, they also find people who stand in two sources under two names: whoever
    has a picture that close to a held-out person's is left out.
    """
    everyone = people.list_people(options.data)
    labelled = split.of(everyone, Part.TRAIN)
    if options.turns:
        labelled = people.turned(labelled)
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
    held_out = [p for p in everyone if split.part(p) is not Part.TRAIN]
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
    """Pixels, targets and numbers of identities for these pictures."""
    pixels = read_stored(pictures, config, options.cache)
    targets = np.zeros((len(pictures), 1), np.float16)
    if options.targets:
        targets = people.read_targets(options.targets, pictures)
    return Data(
        pixels,
        targets,
        people.numbers([picture.identity for picture in pictures]),
        stored_window(config),
        Teacher(options.teacher) if options.teacher else None,
    )


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
    network: SiameseNetwork,
    pictures: Sequence[Picture],
    data: Data,
    options: StageOptions,
    split: Split,
) -> tuple[nn.Module, Batches]:
    named = [picture for picture in pictures if picture.identity]
    pixels = data.pixels[: len(named)]  # the labelled pictures come first
    schedule, centroids = options.schedule, None
    if options.init:  # a fresh network's idea of who looks alike is worth nothing
        plain = network.with_mirror(False)  # as training embeds
        known = data.targets[: len(named)] if options.targets else None
        rows = _some_people(named) if options.targets else np.arange(len(named))
        embeddings = embed_stored(plain, pixels[rows], data.window, "look-alikes")
        some = [named[row] for row in rows]
        _start_head(network, fitting.Labels.of(some, split), embeddings)
        centroids = centroids_of(named, embeddings if known is None else known)
    batches = RelatedBatches(
        named,
        centroids,
        schedule.batch_size,
        schedule.seed,
        options.per_person,
        options.group,
        options.kin,
        split.family,
        nameless=len(pictures) - len(named),
        emphasis=dict(options.emphasis),
    )
    weight = options.distillation if options.targets else 0.0
    return Verification(network, distillation_weight=weight), batches


def _some_people(pictures: Sequence[Picture]) -> np.ndarray:
    """Row numbers of the pictures of every `HEAD_PEOPLE`th part of the people: int64."""
    names = list(dict.fromkeys(picture.identity for picture in pictures))
    some = set(names[:: max(1, len(names) // HEAD_PEOPLE)])
    return np.array([row for row, picture in enumerate(pictures) if picture.identity in some])


def _start_head(network: SiameseNetwork, labels: fitting.Labels, embeddings: np.ndarray) -> None:
    """Scale the head as the training pairs have it, so that it need only be refined.

    Where they say nothing (perfectly told apart, or not at all) the head starts as it is.
    """
    with contextlib.suppress(InputError):
        pairs = fitting.draw_pairs(labels, impostors=None)
        platt = fitting.fit_platt(pairs.scores(Comparison.of(network), embeddings))
        network.fold(platt.scale, platt.offset)


def _identity(
    options: StageOptions,
    config: CheckpointConfig,
    split: Split,
    parent: Checkpoint | None,
    hashes: Mapping[Path, str],
) -> str:
    """All that the weights of a stage depend on; where its files lie is nothing of that."""
    files = (options.data, options.unlabelled, options.targets)
    contents = [[hashes[path] for path in paths] for paths in files]
    start = (config.network, config.detector, config.window, parent and parent.sha256)
    contents.append([people.fingerprint(options.teacher)] if options.teacher else [])
    rest = dataclasses.replace(
        options,
        data=(),
        unlabelled=(),
        targets=(),
        init=None,
        teacher=None,
        wanted=Wanted(),
        cache=CACHE,
        cpu=False,
    )
    return repr((rest, start, split.name, contents))


def _record(
    options: StageOptions,
    split: Split,
    pictures: Sequence[Picture],
    parent: Checkpoint | None,
    hashes: Mapping[Path, str],
) -> dict[str, Any]:
    """What config.json says of this stage."""
    schedule = dataclasses.asdict(options.schedule)
    return {
        "objective": options.objective,
        "distillation": options.distillation,
        "emphasis": dict(options.emphasis),
        "teacher_sha256": people.fingerprint(options.teacher) if options.teacher else None,
        "split": split.name,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "schedule": {k: v for k, v in schedule.items() if not k.endswith("_every")},
        "people": len({p.identity for p in pictures if p.identity}),
        "pictures": len(pictures),
        "sources": {source.name: sha256 for source, sha256 in hashes.items()},
        "parent_sha256": parent.sha256 if parent else None,
        **made_by(),
    }


def made_by() -> dict[str, Any]:
    """What config.json says of how weights were made: the command and the code that it ran."""
    words = " ".join(_portable(word) for word in sys.argv[1:])
    return {
        "command": f"python -m siamese {words}",
        "commit": _commit(),
        "torch": torch.__version__,
    }


def _portable(word: str) -> str:
    """A command-line word without the folders of the machine it was typed on."""
    option, equals, value = word.partition("=") if word.startswith("-") else ("", "", word)
    return option + equals + (Path(value).name if Path(value).is_absolute() else value)


def _commit() -> str | None:
    root = Path(__file__).resolve().parent
    command = ["git", "-C", str(root), "rev-parse", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None
