"""A recipe: one file that says how a checkpoint is made, and the run that makes it.

    python -m siamese train --recipe weights/recipe.toml --data ../shared/faces --out runs/x

A parent known by its hash, or a distillation, or both; siamese stages that start from there; their
mean; calibration; evaluation. Each stage has a folder below OUT/stages, and OUT holds the finished
checkpoint. Run again, a command that was killed skips what is finished, resumes what is not, and
ends with the same weights. config.json has the recipe, and the stages with their hashes.
"""

import json
import os
import shutil
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import field, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from safetensors.torch import load_file

from siamese import checkpoint as checkpoints
from siamese.checkpoint import Checkpoint, CheckpointConfig
from siamese.data import people
from siamese.data.people import Part
from siamese.data.pixels import CACHE
from siamese.data.split import PEOPLE, check_enough
from siamese.errors import CheckpointError, InputError
from siamese.evaluation import evaluate
from siamese.evaluation.metrics_file import read_metrics
from siamese.network import NetworkConfig, Siamese
from siamese.training.average import average
from siamese.training.calibrate import calibrate
from siamese.training.loop import Schedule
from siamese.training.stage import StageOptions
from siamese.training.train import train
from siamese.values import STRICT, Value, adapter, complaint


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where and on what a recipe is run; the weights depend on none of it."""

    data: Path  # the folder of everything that a recipe names
    cache: Path = CACHE
    device: str | None = None  # see `run_stage`
    compiled: bool = False

    def paths(self, names: Sequence[str]) -> tuple[Path, ...]:
        """Those of files that a recipe names."""
        return tuple(self.data / name for name in names)


@dataclass(frozen=True, slots=True, config=STRICT)
class Files(Value):
    """What is learned from, by names in the data folder."""

    people: tuple[str, ...]
    """Sources with one folder per person."""
    unlabelled: tuple[str, ...] = ()
    """Pictures of nobody in particular; a teacher is needed for these."""
    teacher: str | None = None
    """The reference network."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Parent(Value):
    """Weights that the stages start from."""

    path: str
    """From the data folder: a checkpoint's folder, or the tensors of a bare twin."""
    sha256: str
    """Of the file; of a folder, of its model.safetensors."""
    origin: str = ""
    """Where they come from, for the record."""


@dataclass(frozen=True, slots=True, config=STRICT)
class Stage(Value):
    """A stage of training; what is not said is as `Schedule` and `StageOptions` have it."""

    pictures: int
    batch_size: int | None = None
    learning_rate: float | None = None
    weight_decay: float | None = None
    seed: int | None = None
    save_every: int | None = None
    validate_every: int | None = None
    distillation: float | None = None
    emphasis: dict[str, float] | None = None
    group: int | None = None
    kin: int | None = None
    per_person: int | None = None

    def options(
        self, objective: str, init: Path, files: Files, workspace: Workspace
    ) -> StageOptions:
        """The same in the trainer's words."""
        said = {name: value for name, value in self.to_dict().items() if value is not None}
        emphasis = tuple(said.pop("emphasis", {}).items())
        schedule = {name: said.pop(name) for name in list(said) if name in Schedule.__slots__}
        return StageOptions(
            objective,
            workspace.paths(files.people),
            Schedule(**schedule),
            unlabelled=workspace.paths(files.unlabelled),
            teacher=workspace.data / files.teacher if files.teacher else None,
            emphasis=emphasis,
            init=init,
            cache=workspace.cache,
            device=workspace.device,
            compiled=workspace.compiled,
            **said,
        )


@dataclass(frozen=True, slots=True, config=STRICT)
class Calibration(Value):
    """See `calibrate.calibrate`."""

    mirrored: bool | None = None
    bases: int | None = None
    unlabelled: tuple[str, ...] = ()
    license: str | None = None
    license_reason: str = ""


@dataclass(frozen=True, slots=True, config=STRICT)
class Recipe(Value):
    """All that decides what the weights become, but for the files themselves."""

    files: Files
    network: NetworkConfig | None = None
    """Of a bare twin, or of one that distillation starts from nothing."""
    window: tuple[float, float, float, float] | None = None
    """The part of the face template that it sees: x0, y0, x1, y1."""
    parent: Parent | None = None
    distill: Stage | None = None
    siamese: tuple[Stage, ...] = ()
    shares: tuple[float, ...] = ()
    """Of each siamese stage in the mean, equal by default; one more is that of their parent."""
    calibrate: Calibration = field(default_factory=Calibration)
    protocols: tuple[str, ...] = ()
    """To evaluate by; by default all whose files are there."""
    story: str = ""
    """Markdown for the model card: where the parent ran, what was tried and brought nothing."""


def read_recipe(path: Path) -> Recipe:
    """A recipe from its file; InputError with what is wrong in it.

    `[[siamese]]` tables say what differs between stages; `[every]` what they have in common.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        common = content.pop("every", {})
        content["siamese"] = [common | stage for stage in content.get("siamese", [])]
        recipe: Recipe = adapter(Recipe).validate_json(json.dumps(content, default=str))
    except ValidationError as error:
        raise InputError(f"{path} is not a recipe: {complaint(error, 'it')}.") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a recipe: {error}.") from error
    if recipe.parent is None and recipe.distill is None:
        raise InputError(f"{path} has nothing to start from; it needs [parent] or [distill].")
    count = len(recipe.siamese)
    if recipe.shares and (not count or len(recipe.shares) not in (count, count + 1)):
        raise InputError(
            f"{path} has {len(recipe.shares)} shares for {count} siamese stages; give one each, and"
            " one more for their parent if it is to take part."
        )
    return recipe


def make(recipe: Recipe, workspace: Workspace, out: Path) -> None:
    """Go through the stages of a recipe, or through what is left of them.

    InputError, before anything is trained, where a file is missing or has another hash, or where
    several processes would go through it.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("A recipe runs in one process; torchrun takes its stages one by one.")
    _check_files(recipe, workspace.data)
    sources = [workspace.data / name for name in recipe.files.people]
    check_enough(PEOPLE.of(people.list_people(sources), Part.CALIBRATION))
    made = _begun(recipe, workspace.data, out / "stages" / "parent")
    if recipe.distill:
        made = _trained(
            recipe.distill, "distill", made, recipe, workspace, out / "stages" / "distill"
        )
    stages = [
        _trained(stage, "verify", made, recipe, workspace, out / "stages" / f"siamese-{number}")
        for number, stage in enumerate(recipe.siamese, 1)
    ] or [made]
    averaged = [*stages, made] if len(recipe.shares) > len(stages) else stages
    mean = _averaged(averaged, recipe.shares, out / "stages" / "mean")
    _calibrate(recipe, mean, workspace, out)
    if (stages[0] / "log.csv").exists():
        shutil.copy(stages[0] / "log.csv", out)  # for the plot of the report
    _evaluate(recipe, workspace, out)


def _check_files(recipe: Recipe, data: Path) -> None:
    files = recipe.files
    one = (files.teacher, recipe.parent and recipe.parent.path)
    names = [*files.people, *files.unlabelled, *recipe.calibrate.unlabelled, *one]
    missing = [name for name in names if name and not (data / name).exists()]
    if missing:
        raise InputError(f"The recipe needs {', '.join(missing)} in {data}.")


def _begun(recipe: Recipe, data: Path, folder: Path) -> Path:
    """The folder of the checkpoint that the first stage starts from."""
    parent = recipe.parent
    if parent is None:
        return _start(recipe, {"objective": "begin"}, None, folder)
    path = data / parent.path
    file = path / checkpoints.WEIGHTS if path.is_dir() else path
    found = people.fingerprint(file)
    if found != parent.sha256:
        raise InputError(f"{file} has the SHA-256 {found}, and the recipe says {parent.sha256}.")
    if path.is_dir():
        return path
    record = {"objective": "begin", "twin": path.name, "twin_sha256": found}
    return _start(recipe, record | {"origin": parent.origin}, path, folder)


def _start(recipe: Recipe, record: Mapping[str, Any], twin: Path | None, folder: Path) -> Path:
    """Write a checkpoint with the weights of a twin, or with random ones."""
    if recipe.network is None:
        raise InputError("The recipe does not say in [network] what kind of twin it begins with.")
    training = ({**record, "split": PEOPLE.name},)
    config = CheckpointConfig(recipe.network, training=training)
    if recipe.window:
        config = replace(config, window=recipe.window)
    if (known := _loaded(folder)) and known.config == config:
        return folder
    network = Siamese(config.network)
    if twin:
        try:
            network.backbone.load_state_dict(load_file(twin))
        except (SafetensorError, RuntimeError) as error:
            raise InputError(f"{twin} does not fit the recipe's [network].") from error
    checkpoints.save(folder, network, config)
    return folder


def _trained(
    stage: Stage, objective: str, init: Path, recipe: Recipe, workspace: Workspace, folder: Path
) -> Path:
    train(stage.options(objective, init, recipe.files, workspace), folder)
    return folder


def _averaged(stages: Sequence[Path], shares: Sequence[float], folder: Path) -> Path:
    """The folder of the mean of these checkpoints; that of one is its own."""
    if len(stages) == 1:
        return stages[0]
    hashes = [checkpoints.load_folder(stage).sha256 for stage in stages]
    equal = [1 / len(stages)] * len(stages)
    wanted = [share / sum(shares) for share in shares] or equal
    made = known.config.training[-1] if (known := _loaded(folder)) else {}
    if (made.get("parents_sha256"), made.get("shares")) != (hashes, wanted):
        average(stages, folder, shares)
    return folder


def _calibrate(recipe: Recipe, mean: Path, workspace: Workspace, out: Path) -> None:
    said = adapter(Recipe).dump_python(recipe, mode="json", exclude_none=True)
    origin = {"recipe": said, "parent_sha256": checkpoints.load_folder(mean).sha256}
    known = _loaded(out)
    if known and origin.items() <= known.config.calibration.items():
        return
    sources, teacher = workspace.paths(recipe.files.people), recipe.files.teacher
    options = recipe.calibrate.to_dict() | {
        "unlabelled": workspace.paths(recipe.calibrate.unlabelled)
    }
    found = workspace.data / teacher if teacher else None
    calibrate(mean, sources, found, out, workspace.cache, origin=origin, **options)


def _evaluate(recipe: Recipe, workspace: Workspace, out: Path) -> None:
    """Run the protocols whose results are not there yet."""
    made = checkpoints.load_folder(out)
    wanted = evaluate.choose(recipe.protocols or None, workspace.data, made.config, write_card=True)
    before = read_metrics(out)
    known = before["protocols"] if before and before["weights_sha256"] == made.sha256 else {}
    left = [name for name in wanted if name not in known]
    if left or not (out / checkpoints.CARD).exists():
        protocols = left or wanted[-1:]
        evaluate.evaluate(out, workspace.data, None, protocols, workspace.cache, write_card=True)


def _loaded(folder: Path) -> Checkpoint | None:
    """The checkpoint in a folder; None where there is none, or half of one."""
    with suppress(CheckpointError):
        return checkpoints.load_folder(folder)
    return None
