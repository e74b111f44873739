"""The options of a stage, and its parent: the checkpoint given as `init`, or none.

A stage needs little more than its schedule; the rest comes from its parent. Whatever is given all
the same must agree with that: drawings that are mirrored, or held-out people that are trained on,
would go unnoticed.
"""

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from siamese.checkpoint import CheckpointConfig
from siamese.data.pixels import CACHE
from siamese.data.split import PEOPLE, Split, split_named, split_of
from siamese.errors import InputError
from siamese.network import NetworkConfig
from siamese.training.augment import Augmentation, Drawings
from siamese.training.loop import Schedule


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for of the network and its pictures; None leaves it as it is or as usual."""

    backbone: str | None = None
    image_size: int | None = None  # px
    embedding_size: int | None = None
    drawings: bool | None = None  # grey pictures, compared whole and as they are
    split: str | None = None  # which pictures train: see `split.SPLITS`


@dataclass(frozen=True, slots=True)
class StageOptions:
    """The options of one stage, as on the command line."""

    objective: str  # "distill" or "verify"
    data: tuple[Path, ...]  # folders or zips of people
    schedule: Schedule  # but for its augmentation, which follows from what is compared
    unlabelled: tuple[Path, ...] = ()
    teacher: Path | None = None  # the reference network, whose embeddings are the targets
    emphasis: tuple[tuple[str, float], ...] = ()  # how often a source's people are drawn; 1 if none
    distillation: float = 1.0  # its weight beside the siamese objective
    init: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)  # the rest comes from `init`
    turns: bool = False  # every picture also turned by quarters, as another class
    group: int = 4  # identities that meet in a batch; see `RelatedBatches`
    kin: int = 2
    per_person: int = 4
    cache: Path = CACHE
    device: str | None = None  # "cpu" or "cuda"; by default what there is
    compiled: bool = False  # see `run_stage`


def settled(wanted: Wanted, parent: CheckpointConfig | None) -> tuple[CheckpointConfig, Split]:
    """The config to start from, and the rule by which identities are kept aside.

    Raises InputError where the parent is of another kind than what is wanted.
    """
    if parent is None:
        return _fresh(wanted), split_named(wanted.split or PEOPLE.name)
    has = _kind(parent)
    for name, value in asdict(wanted).items():
        if None not in (value, has[name]) and value != has[name]:
            said = "--" + name.replace("_", "-") + ("" if value is True else f" {value}")
            raise InputError(
                f"The checkpoint given as --init was not trained with {said}; leave that out, or"
                " choose another --init."
            )
    return parent, split_named(wanted.split or split_of(parent).name)


def augmentation_for(config: CheckpointConfig) -> Augmentation:
    """The random changes that suit what the network compares."""
    return Drawings() if _compares_drawings(config) else Augmentation()


def _fresh(wanted: Wanted) -> CheckpointConfig:
    """The config of a network that starts from nothing.

    Faces are embedded together with their mirror images; a mirrored drawing is another one.
    """
    usual = NetworkConfig()
    network = NetworkConfig(
        wanted.backbone or usual.backbone,
        wanted.image_size or usual.image_size,
        1 if wanted.drawings else usual.channels,
        wanted.embedding_size or usual.embedding_size,
    )
    if wanted.drawings:
        return CheckpointConfig.whole(network)
    return CheckpointConfig(replace(network, mirrored=True))


def _kind(config: CheckpointConfig) -> dict[str, str | int | None]:
    """What a checkpoint is, in the words of `Wanted`; its split is None where nothing is known."""
    return {
        "backbone": config.network.backbone,
        "image_size": config.network.image_size,
        "embedding_size": config.network.embedding_size,
        "drawings": _compares_drawings(config),
        "split": split_of(config).name if config.training else None,
    }


def _compares_drawings(config: CheckpointConfig) -> bool:
    """Whether pictures are grey; whole ones in colour are faces that somebody else cut out."""
    return config.network.channels == 1
