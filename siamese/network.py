"""The siamese network: shared twins, |a - b|, one linear layer, sigmoid (Koch et al. 2015).

Tensors or arrays in and out. It knows nothing of photos, faces, files or thresholds.
"""

import copy
import dataclasses
import math
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
Width = Annotated[int, Field(ge=2, le=8192)]
# Not written where it says nothing: checkpoints and programs of before do not know it.
UNSAID = Field(exclude_if=lambda it: not it)
LISTED = Field(strict=False)  # a list will do too: JSON has no tuples


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
    # The shape of `backbones.Compact`, where it is not the usual one: residual blocks and channels
    # by stage, channels before the last linear layer.
    blocks: Annotated[tuple[Blocks, Blocks, Blocks] | None, UNSAID, LISTED] = None
    widths: Annotated[tuple[Width, Width, Width] | None, UNSAID, LISTED] = None
    features: Annotated[Size | None, UNSAID] = None

    @model_validator(mode="after")
    def _can_be_built(self) -> Self:
        if self.backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise CheckpointError(f"Unknown backbone {self.backbone!r}; this version has {known}.")
        if self.channels not in (1, 3):
            raise ValueError(f"has {self.channels} channels, but pictures have 1 or 3")
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
    def shape(self) -> dict[str, Any]:
        """What is said of depth and width, by the names that `backbones.Compact` takes it."""
        said = {"blocks": self.blocks, "widths": self.widths, "features": self.features}
        return {name: value for name, value in said.items() if value is not None}


class Siamese(nn.Module):
    """Two twins with shared weights, the element-wise distance, and one linear layer.

    The weights of the linear layer on |a - b| are at most zero. So `compare` is symmetric,
    identical pictures get the highest logit there is (the bias), and the logit is a bias minus a
    weighted L1 distance, which any vector index can search.
    """

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
        has the broadcast shape without the last axis.
        """
        return self.head((a - b).abs()).squeeze(-1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Logits (N,) for pairs of pictures, each (N, channels, size, size) with values 0..1."""
        both = self.embed(torch.cat([a, b]))
        return self.compare(*both.chunk(2))

    def with_mirror(self, mirrored: bool) -> "Siamese":
        """The same network, weights shared, that embeds with or without mirror images."""
        other = copy.copy(self)
        other.config = dataclasses.replace(self.config, mirrored=mirrored)
        return other

    @torch.no_grad()
    def constrain(self) -> None:
        """Project the head's weights onto <= 0; the trainer calls this after every step."""
        self.head.weight.clamp_(max=0.0)

    @torch.no_grad()
    def fold(self, scale: float, offset: float) -> None:
        """Fold a Platt correction, logit -> scale * logit + offset, into the linear layer."""
        self.head.weight.mul_(scale)
        self.head.bias.mul_(scale).add_(offset)


@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """The head of a network as a function of arrays: logit = bias - sum of weights * |a - b|.

    `weights` (D,) are the network's with the sign turned, so at least 0.
    """

    weights: np.ndarray
    bias: float

    DTYPE: ClassVar[type[np.floating]] = np.float32

    @classmethod
    def of(cls, network: Siamese) -> Self:
        """The head of `network`."""
        weights = -network.head.weight.detach().cpu().numpy()[0].astype(cls.DTYPE)
        return cls(weights, float(network.head.bias.detach()))

    def __call__(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Logits of embeddings (..., D) against (..., D), broadcast; symmetric."""
        return self.bias - np.abs(a - b) @ self.weights


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
