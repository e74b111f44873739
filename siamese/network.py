"""The siamese network: shared twins, |a - b|, one linear layer, sigmoid (Koch et al. 2015).

Pure torch: tensors in, tensors out. It knows nothing of photos, faces, files or thresholds.
"""

import copy
import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from siamese.backbones import BACKBONES
from siamese.errors import CheckpointError
from siamese.pretrained import Pretrained


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What is needed to build the network; plain scalars, so that it survives JSON unchanged."""

    backbone: str = "compact"
    image_size: int = 96  # side of the square input, px
    channels: int = 3  # 3 for colour photos, 1 for drawings
    embedding_size: int = 512
    mean: float = 0.5  # input normalisation: (x - mean) / std for x in 0..1
    std: float = 0.5
    mirrored: bool = False  # embed a picture together with its mirror image; see `embed`

    def __post_init__(self) -> None:
        if self.backbone not in BACKBONES:
            known = ", ".join(BACKBONES)
            raise CheckpointError(f"Unknown backbone '{self.backbone}'; this version has {known}.")


class SiameseNetwork(nn.Module, Pretrained):
    """Two twins with shared weights, the element-wise distance, and one linear layer.

    The weights of the linear layer on |a - b| are at most zero. So `compare` is symmetric,
    identical pictures get the highest logit there is (the bias), and the logit is a bias minus a
    weighted L1 distance, which any vector index can search.
    """

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        build = BACKBONES[config.backbone]
        self.backbone = build(config.channels, config.image_size, config.embedding_size)
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

    def with_mirror(self, mirrored: bool) -> "SiameseNetwork":
        """The same network, weights shared, that embeds with or without mirror images."""
        other = copy.copy(self)
        other.config = replace(self.config, mirrored=mirrored)
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
