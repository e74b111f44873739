"""One stage of a recipe, from files to a checkpoint: `python -m siamese train`.

A recipe is a chain of such stages. Each starts from the checkpoint of the one before (`init`) with
a schedule of its own, and appends itself to the `training` list of config.json.
"""

import contextlib
import dataclasses
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from siamese import checkpoint
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Picture, numbers
from siamese.data.pixels import NEARLY_BLACK
from siamese.data.reference import Reference
from siamese.data.split import Split, outlook, training_pictures
from siamese.errors import CheckpointError, InputError
from siamese.evaluation import fitting
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.protocols.conditions import Conditions
from siamese.network import Siamese
from siamese.training.batches import RelatedBatches, ShuffledBatches, centroids_of
from siamese.training.loop import STATE, Batches, Data, run_stage, wanted_device
from siamese.training.objectives import Distillation, VerificationObjective
from siamese.training.provenance import made_by
from siamese.training.stage import StageOptions, Wanted, augmentation_for, settled

LOOKED_AT = 500  # pictures, before the training starts
HEAD_PEOPLE = 500  # whose pairs give the head its first scale


@dataclass(frozen=True, slots=True)
class _Stage:
    """A stage as it was settled: its options, its parent, and what it learns from."""

    options: StageOptions  # the augmentation of its schedule included
    parent: Checkpoint | None
    config: CheckpointConfig
    split: Split
    reference: Reference | None
    hashes: Mapping[Path, str]  # SHA-256 of every source

    @classmethod
    def of(cls, options: StageOptions) -> "_Stage":
        """InputError with what is missing, or contradicts `options.init`."""
        parent = checkpoint.load_folder(options.init).bare() if options.init else None
        config, split = settled(options.wanted, parent.config if parent else None)
        schedule = dataclasses.replace(options.schedule, augmentation=augmentation_for(config))
        options = dataclasses.replace(options, schedule=schedule)
        return cls(options, parent, config, split, _reference(options, config), _hashes(options))

    @property
    def teacher_sha256(self) -> str | None:
        return self.reference.sha256 if self.reference else None

    @property
    def parent_sha256(self) -> str | None:
        return self.parent.sha256 if self.parent else None

    @property
    def identity(self) -> str:
        """All that the weights of the stage depend on; where its files lie is nothing of that."""
        sources = (self.options.data, self.options.unlabelled)
        contents = [[self.hashes[path] for path in paths] for paths in sources]
        config = self.config
        start = (config.network, config.detector, config.window, self.parent_sha256)
        elsewhere: dict[str, Any] = {"init": None, "teacher": None, "cache": None, "device": None}
        rest = dataclasses.replace(
            self.options, data=(), unlabelled=(), wanted=Wanted(), compiled=False, **elsewhere
        )
        return repr((rest, start, self.split.name, contents, self.teacher_sha256))

    @property
    def sha256(self) -> str:
        """Of the identity."""
        return hashlib.sha256(self.identity.encode()).hexdigest()

    def is_finished(self, folder: Path) -> bool:
        """Whether the checkpoint in `folder` is what this stage ends with."""
        with contextlib.suppress(CheckpointError):
            training = checkpoint.load_folder(folder).config.training
            return bool(training) and training[-1].get("stage_sha256") == self.sha256
        return False

    def record(self, pictures: Sequence[Picture]) -> dict[str, Any]:
        """What config.json says of it."""
        schedule = dataclasses.asdict(self.options.schedule)
        return {
            "objective": self.options.objective,
            "distillation": self.options.distillation,
            "emphasis": dict(self.options.emphasis),
            "teacher_sha256": self.teacher_sha256,
            "split": self.split.name,
            "processes": int(os.environ.get("WORLD_SIZE", "1")),
            "schedule": {k: v for k, v in schedule.items() if not k.endswith("_every")},
            "people": len({p.identity for p in pictures if p.identity}),
            "pictures": len(pictures),
            "sources": {source.name: sha256 for source, sha256 in self.hashes.items()},
            "parent_sha256": self.parent_sha256,
            "stage_sha256": self.sha256,
            **made_by(),
        }


def train(options: StageOptions, folder: Path) -> bool:
    """Run a stage and write its checkpoint into `folder`, which also keeps the log and the state.

    Where just this stage has been finished there, nothing is done. Where several processes share
    the work, the first one writes; returns whether this is it.

    Raises InputError with what is missing or contradicts `options.init`, before anything is
    trained.
    """
    stage = _Stage.of(options)
    options, config, split = stage.options, stage.config, stage.split
    if stage.is_finished(folder):
        return os.environ.get("RANK", "0") == "0"
    torch.manual_seed(options.schedule.seed)
    network = stage.parent.network if stage.parent else Siamese(config.network)
    learned_from = (options.data, options.unlabelled)
    pictures = training_pictures(*learned_from, split, stage.reference, options.turns)
    if expected := outlook(people.list_people(options.data), split):
        tqdm.write(expected, file=sys.stderr)
    folder.mkdir(parents=True, exist_ok=True)
    found = Collection.read(pictures, config, options.cache, split)
    _check(found, options.objective)
    data = Data(found.pixels, numbers(found.identities), found.window, stage.reference)
    make = _distillation if options.objective == "distill" else _verification
    objective, batches = make(network, found, stage)
    held_out = Conditions.load(*learned_from, config, split, options.cache)
    training = (*config.training, stage.record(pictures))
    is_first = run_stage(
        objective,
        network,
        data,
        batches,
        options.schedule,
        folder,
        held_out.log_row if held_out else None,
        options.device,
        stage.identity,
        options.compiled,
    )
    if is_first:
        trained = dataclasses.replace(config, training=training)
        checkpoint.save(folder, network, trained)
        (folder / STATE).unlink(missing_ok=True)
    return is_first


def _check(found: Collection, objective: str) -> None:
    """InputError where the pictures have nothing to teach, whatever is done with them."""
    people_of = numbers(found.identities)
    if objective == "verify" and np.bincount(people_of[people_of >= 0]).max(initial=0) < 2:
        raise InputError(
            "Nobody in the training data has two pictures, so it holds no genuine pair; add more"
            " pictures of the same people."
        )
    some = found.pixels[:: -(-len(found.pixels) // LOOKED_AT), :-1]
    some = some.reshape(len(some), -1)
    if (np.ptp(some, axis=1) <= NEARLY_BLACK).all():
        raise InputError(
            "The training pictures show nothing, each is of one colour; check how they were made."
        )
    if (some == some[0]).all():
        raise InputError("The training pictures are all the same one; give some of many people.")


def _reference(options: StageOptions, config: CheckpointConfig) -> Reference | None:
    """The network to learn from, if any; InputError where the stage needs one or cannot have it."""
    if options.teacher is None:
        if options.objective == "distill":
            raise InputError("Distillation needs the network to learn from; give --teacher.")
        return None
    if config.detector == "none":
        raise InputError("--teacher knows aligned faces only, and this network compares others.")
    size = config.network.embedding_size
    if (options.objective == "distill" or options.distillation) and size != Reference.outputs:
        raise InputError(
            f"The teacher's embeddings have {Reference.outputs} numbers, the network's {size}; set"
            f" --embedding-size {Reference.outputs}."
        )
    return Reference(options.teacher, options.cache).to(wanted_device(options.device))


def _hashes(options: StageOptions) -> dict[Path, str]:
    """SHA-256 of every source; InputError where another one is to be emphasised."""
    sources = (*options.data, *options.unlabelled)
    others = {name for name, _ in options.emphasis} - {source.name for source in sources}
    if others:
        raise InputError(f"--emphasis names {min(others)}, which is none of the sources.")
    return {source: people.fingerprint(source) for source in sources}


def _distillation(network: Siamese, found: Collection, stage: _Stage) -> tuple[nn.Module, Batches]:
    schedule, factors = stage.options.schedule, dict(stage.options.emphasis)
    emphasis = np.array([factors.get(Path(it.source).name, 1.0) for it in found.pictures])
    return Distillation(network), ShuffledBatches(emphasis, schedule.batch_size, schedule.seed)


def _verification(network: Siamese, found: Collection, stage: _Stage) -> tuple[nn.Module, Batches]:
    options, reference, centroids = stage.options, stage.reference, None
    named = [picture for picture in found.pictures if picture.identity]  # these come first
    if options.init:  # a fresh network's idea of who looks alike is worth nothing
        plain = network.with_mirror(False)  # as training embeds
        rows = _some_people(named) if reference else np.arange(len(named))
        pixels = found.pixels[: len(named)][rows]
        some = Collection(tuple(named[row] for row in rows), stage.split, pixels, found.window)
        some = some.embedded(plain, "look-alikes")
        _start_head(network, some)
        centroids = centroids_of(named, reference.of(named) if reference else some.vectors)
    batches = RelatedBatches(
        named,
        centroids,
        options.schedule.batch_size,
        options.schedule.seed,
        options.per_person,
        options.group,
        options.kin,
        stage.split.family,
        nameless=len(found.pictures) - len(named),
        emphasis=dict(options.emphasis),
    )
    weight = options.distillation if reference else 0.0
    return VerificationObjective(network, distillation_weight=weight), batches


def _some_people(pictures: Sequence[Picture]) -> np.ndarray:
    """Row numbers of the pictures of every `HEAD_PEOPLE`th part of the people: int64."""
    names = list(dict.fromkeys(picture.identity for picture in pictures))
    some = set(names[:: max(1, len(names) // HEAD_PEOPLE)])
    return np.array([row for row, picture in enumerate(pictures) if picture.identity in some])


def _start_head(network: Siamese, people: Collection) -> None:
    """Scale the head as the training pairs have it, so that it need only be refined.

    Where they say nothing (perfectly told apart, or not at all) the head starts as it is.
    """
    with contextlib.suppress(InputError):
        pairs = draw_pairs(people, impostors=None)
        platt = fitting.fit_platt(Comparison.of(network).scores(pairs, people.vectors))
        network.fold(platt.scale, platt.offset)
