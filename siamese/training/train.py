"""One stage of a recipe, from files to a checkpoint: `python -m siamese train`.

A recipe is a chain of such stages. Each starts from the checkpoint of the one before (`init`) with
a schedule of its own, and appends itself to the `training` list of config.json.
"""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from siamese import checkpoint
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data import people
from siamese.data.collection import Collection
from siamese.data.pairs import draw_pairs
from siamese.data.people import Picture
from siamese.data.pixels import CACHE, embed_stored, read_stored, stored_window
from siamese.data.reference import Reference
from siamese.data.split import Split, training_pictures
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

HEAD_PEOPLE = 500  # whose pairs give the head its first scale


def train(options: StageOptions, folder: Path) -> bool:
    """Run a stage and write its checkpoint into `folder`, which also keeps the log and the state.

    Where just this stage has been finished there, nothing is done. Where several processes share
    the work, the first one writes; returns whether this is it.

    Raises InputError with what is missing or contradicts `options.init`, before anything is
    trained.
    """
    parent = checkpoint.load_folder(options.init).bare() if options.init else None
    config, split = settled(options.wanted, parent.config if parent else None)
    schedule = dataclasses.replace(options.schedule, augmentation=augmentation_for(config))
    options = dataclasses.replace(options, schedule=schedule)
    torch.manual_seed(schedule.seed)
    network = parent.network if parent else Siamese(config.network)
    reference = _reference(options, config)
    hashes = _hashes(options)
    teacher = reference.sha256 if reference else None
    identity = _identity(options, config, split, parent, hashes, teacher)
    if _finished(folder, identity):
        return os.environ.get("RANK", "0") == "0"
    pictures = training_pictures(options.data, options.unlabelled, split, reference, options.turns)
    folder.mkdir(parents=True, exist_ok=True)
    pixels, window = read_stored(pictures, config, options.cache), stored_window(config)
    identities = people.numbers([picture.identity for picture in pictures])
    data = Data(pixels, identities, window, reference)
    if options.objective == "distill":
        objective, batches = _distillation(network, pictures, options)
    else:
        objective, batches = _verification(network, pictures, data, options, split, reference)
    held_out = Conditions.load(options.data, options.unlabelled, config, split, options.cache)
    record = _record(options, split, pictures, parent, hashes, teacher, identity)
    stage = (objective, network, data, batches, schedule, folder, held_out and held_out.log_row)
    if not run_stage(*stage, options.device, identity, options.compiled):
        return False
    trained = dataclasses.replace(config, training=(*config.training, record))
    checkpoint.save(folder, network, trained)
    (folder / STATE).unlink(missing_ok=True)
    return True


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


def _finished(folder: Path, identity: str) -> bool:
    """Whether the checkpoint in `folder` is what the stage of this identity ends with."""
    with contextlib.suppress(CheckpointError):
        training = checkpoint.load_folder(folder).config.training
        return bool(training) and training[-1].get("stage_sha256") == _digest(identity)
    return False


def _distillation(
    network: Siamese, pictures: Sequence[Picture], options: StageOptions
) -> tuple[nn.Module, Batches]:
    factors = dict(options.emphasis)
    emphasis = np.array([factors.get(Path(picture.source).name, 1.0) for picture in pictures])
    batches = ShuffledBatches(emphasis, options.schedule.batch_size, options.schedule.seed)
    return Distillation(network), batches


def _verification(
    network: Siamese,
    pictures: Sequence[Picture],
    data: Data,
    options: StageOptions,
    split: Split,
    reference: Reference | None,
) -> tuple[nn.Module, Batches]:
    named = [picture for picture in pictures if picture.identity]
    pixels = np.asarray(data.pixels)[: len(named)]  # the labelled pictures come first
    schedule, centroids = options.schedule, None
    if options.init:  # a fresh network's idea of who looks alike is worth nothing
        plain = network.with_mirror(False)  # as training embeds
        rows = _some_people(named) if reference else np.arange(len(named))
        embeddings = embed_stored(plain, pixels[rows], data.window, "look-alikes")
        some = tuple(named[row] for row in rows)
        _start_head(network, Collection(some, split, vectors=embeddings))
        centroids = centroids_of(named, reference.of(named) if reference else embeddings)
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


def _identity(
    options: StageOptions,
    config: CheckpointConfig,
    split: Split,
    parent: Checkpoint | None,
    hashes: Mapping[Path, str],
    teacher: str | None,
) -> str:
    """All that the weights of a stage depend on; where its files lie is nothing of that."""
    contents = [[hashes[path] for path in paths] for paths in (options.data, options.unlabelled)]
    start = (config.network, config.detector, config.window, parent and parent.sha256)
    rest = dataclasses.replace(
        options,
        data=(),
        unlabelled=(),
        init=None,
        teacher=None,
        wanted=Wanted(),
        cache=CACHE,
        device=None,
        compiled=False,
    )
    return repr((rest, start, split.name, contents, teacher))


def _digest(identity: str) -> str:
    return hashlib.sha256(identity.encode()).hexdigest()


def _record(
    options: StageOptions,
    split: Split,
    pictures: Sequence[Picture],
    parent: Checkpoint | None,
    hashes: Mapping[Path, str],
    teacher: str | None,
    identity: str,
) -> dict[str, Any]:
    """What config.json says of this stage."""
    schedule = dataclasses.asdict(options.schedule)
    return {
        "objective": options.objective,
        "distillation": options.distillation,
        "emphasis": dict(options.emphasis),
        "teacher_sha256": teacher,
        "split": split.name,
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "schedule": {k: v for k, v in schedule.items() if not k.endswith("_every")},
        "people": len({p.identity for p in pictures if p.identity}),
        "pictures": len(pictures),
        "sources": {source.name: sha256 for source, sha256 in hashes.items()},
        "parent_sha256": parent.sha256 if parent else None,
        "stage_sha256": _digest(identity),
        **made_by(),
    }
