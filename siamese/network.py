"""The siamese network: shared twins, |a - b|, one linear layer, sigmoid (Koch et al. 2015).

Tensors or arrays in and out. It knows nothing of photos, faces, files or thresholds.
"""

import copy
import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic.dataclasses import dataclass
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from siamese.backbones import BACKBONES, SHAPED
from siamese.errors import CheckpointError
from siamese.values import STRICT, Value, complaint

Size = Annotated[int, Field(ge=1, le=8192)]
Blocks = Annotated[int, Field(ge=1, le=64)]
Bases = Annotated[int, Field(ge=1, le=8)]
Width = Annotated[int, Field(ge=2, le=8192)]
# Not written where it says nothing: older checkpoints and programs do not know it.
UNSAID = Field(exclude_if=lambda it: not it)
LISTED = Field(strict=False)  # a list will do too: JSON has no tuples


FARTHEST = 256.0  # above any isolation, so that what is stored is never negative
NEAREST = 4  # centres of the cohort around a face
BLOCK = 256  # embeddings that are compared at a time in a search


@dataclass(frozen=True, slots=True, config=STRICT)
class NetworkConfig(Value):
    """What is needed to build the network.

    Raises CheckpointError where there is no such network.
    """

    backbone: Annotated[str, Field(max_length=100)] = "compact"
    image_size: Annotated[int, Field(ge=1, le=1024)] = 96  # side of the square input, px
    channels: Annotated[int, Field(ge=1)] = 3  # 3 for colour photos, 1 for drawings
    embedding_size: Size = 512
    # Input normalisation: (x - mean) / std for x in 0..1.
    mean: Annotated[float, Field(ge=-1e6, le=1e6)] = 0.5
    std: Annotated[float, Field(ge=1e-6, le=1e6)] = 0.5
    # Embed a picture together with its mirror image; see `embed`.
    mirrored: Annotated[bool, UNSAID] = False
    # How many centres of faces a pair is judged against; see `Head`.
    cohort: Annotated[Size | None, UNSAID] = None
    # The shape of `backbones.Compact`, where it is not the usual one: residual blocks and channels
    # by stage, channels before the last linear layer, bases that the embedding is written in.
    blocks: Annotated[tuple[Blocks, Blocks, Blocks] | None, UNSAID, LISTED] = None
    widths: Annotated[tuple[Width, Width, Width] | None, UNSAID, LISTED] = None
    features: Annotated[Size | None, UNSAID] = None
    bases: Annotated[Bases | None, UNSAID] = None

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise CheckpointError(f"Unknown backbone {self.backbone!r}; this version has {known}.")
        if self.channels not in (1, 3):
            raise ValueError(f"has {self.channels} channels, but pictures have 1 or 3")
        if self.embedding_size % (self.bases or 1):
            raise ValueError(
                f"has an embedding of {self.embedding_size}, which {self.bases} bases cannot share"
            )
        if self.shape and self.backbone != SHAPED:
            raise CheckpointError(
                f"The backbone '{self.backbone}' takes no {', '.join(self.shape)}; only '{SHAPED}'"
                " does."
            )
        return self

    @model_validator(mode="wrap")
    @classmethod  # the last one, so that it hears of what the others raise
    def _in_one_sentence(cls, given: Any, check: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            return check(given)
        except ValidationError as error:
            wrong = complaint(error, "the network")
            raise CheckpointError(f"The network's configuration is wrong: {wrong}.") from error

    @property
    def rank(self) -> int:
        """How many numbers an embedding has in one basis."""
        return self.embedding_size // (self.bases or 1)

    @property
    def shape(self) -> dict[str, Any]:
        """What is said of depth and width, by the names that `backbones.Compact` takes it."""
        said = {name: getattr(self, name) for name in ("blocks", "widths", "features", "bases")}
        return {name: value for name, value in said.items() if value is not None}


class Siamese(nn.Module):
    """Two twins with shared weights, the element-wise distance, and one linear layer.

    The weights of the linear layer on |a - b| are at most zero. So `compare` is symmetric,
    identical pictures get the highest logit there is (the bias), and the logit is a bias minus a
    weighted L1 distance, which any vector index can search.
    """

    cohort: Tensor  # (C, rank), there where the config asks for one
    relative: Tensor  # (), how much the isolations count

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.backbone = BACKBONES[config.backbone](
            config.channels, config.image_size, config.embedding_size, **config.shape
        )
        self.head = nn.Linear(config.embedding_size, 1)
        with torch.no_grad():
            self.head.weight.fill_(-1.0 / math.sqrt(config.embedding_size))
            self.head.bias.fill_(1.0)
        if config.cohort:
            self.register_buffer("cohort", torch.zeros(config.cohort, config.rank))
            self.register_buffer("relative", torch.zeros(()))

    def embed(self, pictures: Tensor) -> Tensor:
        """Embed pictures: (N, channels, size, size), values 0..1 -> (N, embedding_size) float32.

        Where the config says `mirrored`, the mean of the embeddings of the picture and of its
        mirror image: faces are all but symmetric, and what differs between the two is mostly noise.
        Not in training, which shows either at random.
        """
        config = self.config
        inputs = (pictures - config.mean) / config.std
        if self.training or not config.mirrored:
            return self.backbone(inputs).float()
        both = self.backbone(torch.cat([inputs, inputs.flip(-1)])).float()
        return both.view(2, len(inputs), config.embedding_size).mean(0)

    @torch.inference_mode()
    def embed_crops(self, crops: np.ndarray) -> np.ndarray:
        """Embed crops as arrays: uint8 (N, size, size, channels) -> float32 (N, embedding_size)."""
        device = self.head.weight.device
        pictures = torch.from_numpy(crops).to(device).permute(0, 3, 1, 2).float() / 255
        return self.embed(pictures).cpu().numpy()

    def compare(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits that `a` and `b` show the same class; sigmoid(logit) is the probability.

        `a` and `b` are embeddings (..., embedding_size), broadcast against each other; the result
        has the broadcast shape without the last axis. With a cohort as `Head` has it.
        """
        logits = self.head((a - b).abs()).squeeze(-1)
        if not self.config.cohort:
            return logits
        return logits + self.relative * (self.isolation(a) + self.isolation(b)) / 2

    def isolation(self, embeddings: Tensor) -> Tensor:
        """How far embeddings (..., D) lie from the nearest of the cohort: (...), see `Head`."""
        weights, centres = -self.head.weight[0], self.centres
        rows = (embeddings * weights).reshape(-1, embeddings.shape[-1])
        distances = torch.cdist(rows, centres * weights, p=1)
        nearest = distances.topk(min(NEAREST, len(centres)), largest=False).values
        return nearest.mean(-1).view(embeddings.shape[:-1])

    @property
    def centres(self) -> Tensor:
        """The cohort as embeddings: (C, embedding_size); it is stored in one basis."""
        frame = getattr(self.backbone, "frame", None)
        return self.cohort if frame is None else self.cohort @ frame.T

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits (N,) for pairs of pictures, each (N, channels, size, size) with values 0..1."""
        both = self.embed(torch.cat([a, b]))
        return self.compare(*both.chunk(2))

    def with_mirror(self, mirrored: bool) -> "Siamese":
        """The same network, weights shared, that embeds with or without mirror images."""
        other = copy.copy(self)
        other.config = dataclasses.replace(self.config, mirrored=mirrored)
        return other

    def in_bases(self, bases: int) -> "Siamese":
        """A copy of `compact` whose embedding is written in so many bases; see `tight_frame`.

        The head then weighs all axes alike: what it learned of the old ones says nothing of these.
        """
        rank = self.config.rank
        features = self.config.features or rank  # which follow the embedding's size if not said
        config = dataclasses.replace(
            self.config, bases=bases, embedding_size=rank * bases, features=features
        )
        other = Siamese(config)
        head = self.head.weight.mean().expand(1, rank * bases)
        other.load_state_dict({**self.state_dict(), "head.weight": head})
        return other.eval()

    def bare(self) -> "Siamese":
        """What training goes on from: the same twin in one basis, without a cohort.

        Where there were several bases, the head weighs all axes alike, as in `in_bases`.
        """
        rank = self.config.rank
        config = dataclasses.replace(self.config, bases=None, cohort=None, embedding_size=rank)
        other = Siamese(config)
        kept = {name: self.state_dict()[name] for name in other.state_dict()}
        if rank < self.config.embedding_size:
            kept["head.weight"] = self.head.weight.mean().expand(1, rank)
        other.load_state_dict(kept)
        return other.eval()

    def with_cohort(self, centres: np.ndarray) -> "Siamese":
        """A copy that holds these centres (C, D) as its cohort, which counts for nothing yet."""
        other = Siamese(dataclasses.replace(self.config, cohort=len(centres)))
        frame = getattr(self.backbone, "frame", None)
        stored = torch.from_numpy(centres) if frame is None else torch.from_numpy(centres) @ frame
        cohort = {"cohort": stored, "relative": torch.zeros(())}
        other.load_state_dict({**self.state_dict(), **cohort})
        return other.eval()

    @torch.no_grad()
    def constrain(self) -> None:
        """Project the head's weights onto <= 0; the trainer calls this after every step."""
        self.head.weight.clamp_(max=0.0)

    @torch.no_grad()
    def fold(self, scale: float, offset: float, relative: float = 0.0) -> None:
        """Fold a Platt correction, logit -> scale * logit + offset, into the linear layer.

        `relative` is how much the isolations are to count, where there is a cohort; see `Head`.
        """
        self.head.weight.mul_(scale)
        self.head.bias.mul_(scale).add_(offset)
        if self.config.cohort:
            self.relative.fill_(relative)


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """The head of a network as a function of arrays: logit = bias - d(a, b), d the weighted L1.

    `weights` (D,) are the network's with the sign turned, so at least 0. Faces of one kind
    (children, blurred ones) lie close together, so one threshold on d lets more strangers among
    them through. Where there is a `cohort` (C, D), the centres of clusters of many faces, a pair
    is judged relative to how crowded its surroundings are:

        logit = bias - d(a, b) + relative * (isolation(a) + isolation(b)) / 2

    with `isolation` the mean d to the `NEAREST` nearest centres. This is the symmetric adaptive
    score normalisation of speaker verification (Matejka et al. 2017, "Analysis of score
    normalization in multilingual speaker recognition", section 2) with its mean as a covariate of
    the calibration. The isolation changes by no more than d between two faces, so as long as
    `relative` is at most 2, no face scores higher with another than with itself.
    """

    weights: np.ndarray
    bias: float
    cohort: np.ndarray | None = None
    relative: float = 0.0

    DTYPE: ClassVar[type[np.floating]] = np.float32

    @classmethod
    def of(cls, network: Siamese) -> Self:
        """The head of `network`."""
        weights = -network.head.weight.detach().cpu().numpy()[0].astype(cls.DTYPE)
        bias = float(network.head.bias.detach())
        if not network.config.cohort:
            return cls(weights, bias)
        cohort = network.centres.cpu().numpy().astype(cls.DTYPE)
        return cls(weights, bias, cohort, float(network.relative))

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Logits of embeddings (..., D) against (..., D), broadcast; symmetric."""
        return self.related(a, b, self.isolation(a), self.isolation(b))

    def related(
        self, a: np.ndarray, b: np.ndarray, isolation_a: np.ndarray, isolation_b: np.ndarray
    ) -> np.ndarray:
        """The same where the isolations (...) are known."""
        raised = self.relative / 2 * (isolation_a + isolation_b)
        return self.bias - np.abs(a - b) @ self.weights + raised

    def search(self, query: np.ndarray, rows: np.ndarray, isolation: np.ndarray) -> np.ndarray:
        """Logits (K,) of one embedding (D,) against many (K, D) of known isolations (K,).

        Each of torch's threads takes a part, in blocks that fit the processor's cache: the rows,
        which may lie on disk, are read once, and nothing else is.
        """
        distances = np.empty(len(rows), self.DTYPE)

        def measure(part: np.ndarray, found: np.ndarray) -> None:
            apart = np.empty((min(BLOCK, len(part)), len(query)), self.DTYPE)
            for start in range(0, len(part), BLOCK):
                block = part[start : start + BLOCK]
                here = apart[: len(block)]
                np.abs(np.subtract(block, query, out=here), out=here)
                np.vecdot(here, self.weights, out=found[start : start + BLOCK])

        threads = min(torch.get_num_threads(), -(-len(rows) // BLOCK))
        parts = np.array_split(np.asarray(rows), threads), np.array_split(distances, threads)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(measure, *parts))
        raised = self.relative / 2 * (self.isolation(query) + isolation)
        return self.bias - distances + raised

    def isolation(self, embeddings: np.ndarray) -> np.ndarray:
        """Mean distance of embeddings (..., D) to the nearest of the cohort: (...); else 0."""
        if self.cohort is None:
            return np.zeros(embeddings.shape[:-1], self.DTYPE)
        rows = embeddings.reshape(-1, embeddings.shape[-1])
        count = min(NEAREST, len(self.cohort))
        found = np.empty(len(rows), self.DTYPE)
        for index, row in enumerate(rows):
            distances = np.abs(self.cohort - row) @ self.weights
            found[index] = np.partition(distances, count - 1)[:count].mean()
        return found.reshape(embeddings.shape[:-1])

    def of_all(self, embeddings: np.ndarray) -> np.ndarray:
        """Logits (N, N) of all pairs of embeddings (N, D)."""
        rows = torch.from_numpy(embeddings * self.weights)
        raised = self.relative / 2 * self.isolation(embeddings)
        return self.bias - torch.cdist(rows, rows, p=1).numpy() + raised[:, None] + raised

    def l1_rows(self, embeddings: np.ndarray) -> np.ndarray:
        """Vectors (N, D + 1) whose L1 distances to those of `l1_query` fall as the logits rise.

        The last axis holds what an embedding's surroundings count: for any index of vectors.
        """
        near = self.relative / 2 * self.isolation(embeddings)[:, None]
        return np.concatenate([embeddings * self.weights, FARTHEST - near], 1).astype(np.float32)

    def l1_query(self, embeddings: np.ndarray) -> np.ndarray:
        """What to search `l1_rows` for: (N, D + 1)."""
        nothing = np.zeros((len(embeddings), 1))
        return np.concatenate([embeddings * self.weights, nothing], 1).astype(np.float32)

    def crowded(self, embeddings: np.ndarray) -> np.ndarray:
        """Which embeddings (N, D) lie where faces are close together: bool (N,).

        That is closer to the cohort than three quarters of its own members to each other: of
        children under ten about two in five, of adults one in fifteen.
        """
        if self.cohort is None:
            return np.zeros(len(embeddings), bool)
        rows = torch.from_numpy(self.cohort * self.weights)
        distances = torch.cdist(rows, rows, p=1).fill_diagonal_(torch.inf)
        own = distances.topk(min(NEAREST, len(rows) - 1), largest=False).values.mean(-1)
        return self.isolation(embeddings) < float(own.quantile(0.25))


def ready(network: Siamese) -> Siamese:
    """A copy in evaluation mode whose batch norms are folded into the convolutions before them.

    It cannot be trained or saved: what is hashed, saved and published is never this copy.
    Embeddings differ from the original's by rounding only. The weights lie channels last, as crops
    do, which is how the convolutions of a CPU like them.
    """
    fast = copy.deepcopy(network).eval().requires_grad_(False)
    _fold_norms(fast.backbone)
    return fast.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _fold_norms(module: nn.Module) -> None:
    """Fold each batch norm that is declared right after a convolution: our backbones run so too."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            _fold_norms(child)
        before = name, child
