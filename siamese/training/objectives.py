"""What a stage minimises. Each objective holds the network and maps a batch to a loss.

`Batch` carries pictures, target embeddings and identity numbers; every objective returns the loss
and the parts of it that are worth a column in the log.
"""

from dataclasses import dataclass

import torch
import torch.distributed
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather
from torch.nn import functional as F

from siamese.network import SiameseNetwork

Parts = dict[str, Tensor]

SAME_PERSON = 0.5  # cosine of target embeddings; random people exceed 0.37 once in 100,000 pairs


@dataclass(frozen=True, slots=True)
class Batch:
    """B training pictures as the network sees them."""

    pictures: Tensor  # (B, C, S, S) float32, 0..1
    targets: Tensor  # (B, D) float32 unit length; rows of zeros where there is no target
    identities: Tensor  # (B,) int64; -1 where nobody knows
    families: Tensor  # (B,) int64; equal for relatives; -1 where nobody knows


class Distillation(nn.Module):
    """Make the embedding point where the target embedding points.

    Mean of 1 - cosine, plus `similarity_weight` times the squared error of the batch's matrix of
    similarities (as in relational distillation, Park et al. 2019, the similarity in place of the
    distance). The second term looks at the batches of all processes together.
    """

    def __init__(self, network: SiameseNetwork, similarity_weight: float = 2.0) -> None:
        super().__init__()
        self.network = network
        self.similarity_weight = similarity_weight

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        embedding = self.network.embed(batch.pictures)
        with torch.autocast(embedding.device.type, enabled=False):  # the loss in full precision
            return self.loss(F.normalize(embedding), batch.targets)

    def loss(self, embedding: Tensor, targets: Tensor) -> tuple[Tensor, Parts]:
        """The loss for unit-length embeddings and targets, both (B, D)."""
        cosine = (1 - (embedding * targets).sum(1)).mean()
        error = embedding @ gathered(embedding).T - targets @ gathered(targets).T
        similarity = error.square().mean()
        parts = {"cosine": cosine.detach(), "similarity": similarity.detach()}
        return cosine + self.similarity_weight * similarity, parts


class Verification(nn.Module):
    """Binary cross entropy on pairs (Koch et al. 2015, section 3.2), all pairs of the batch.

    Genuine and impostor pairs weigh the same in sum, as if both were equally likely. Batches are
    drawn so that relatives and look-alikes meet in them; `hard_weight` adds, once more, the mean
    over the hardest tenth of impostor pairs. `distillation_weight` keeps the embedding near its
    targets, where there are any, so that what it learned from unlabelled pictures is not lost.
    """

    def __init__(
        self, network: SiameseNetwork, hard_weight: float = 0.5, distillation_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.network = network
        self.hard_weight = hard_weight
        self.distillation = Distillation(network) if distillation_weight else None
        self.distillation_weight = distillation_weight

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        embedding = self.network.embed(batch.pictures)
        with torch.autocast(embedding.device.type, enabled=False):  # the loss in full precision
            return self.loss(embedding, batch)

    def loss(self, embedding: Tensor, batch: Batch) -> tuple[Tensor, Parts]:
        """The loss for embeddings (B, D) of the batch's pictures."""
        everyone = gathered(embedding)
        logits = self.network.compare(embedding[:, None], everyone[None])
        known = batch.identities >= 0
        same = batch.identities[:, None] == gathered(batch.identities)[None]
        both_known = known[:, None] & gathered(known)[None]
        first = rank() * len(embedding)
        rows = torch.arange(first, first + len(embedding), device=logits.device)
        self_pair = rows[:, None] == torch.arange(len(everyone), device=logits.device)[None]
        # Sources name people independently: a pair whose targets agree this well is no impostor.
        alike = batch.targets @ gathered(batch.targets).T > SAME_PERSON
        genuine = logits[same & both_known & ~self_pair]
        impostor = logits[~same & both_known & ~alike]
        accept = F.softplus(-genuine).mean() if len(genuine) else logits.sum() * 0
        reject = F.softplus(impostor)
        loss = accept + reject.mean()
        hardest = reject.topk(max(1, len(reject) // 10)).values.mean()
        parts = {
            "genuine": accept.detach(),
            "impostor": reject.mean().detach(),
            "hardest": hardest.detach(),
        }
        loss = (loss + self.hard_weight * hardest) / (2 + self.hard_weight)
        if self.distillation is not None:
            aimed = batch.targets.abs().sum(1) > 0
            kept, _ = self.distillation.loss(F.normalize(embedding[aimed]), batch.targets[aimed])
            parts["distillation"] = kept.detach()
            loss = loss + self.distillation_weight * kept
        return loss, parts


def rank() -> int:
    """The number of this process among those that train together; 0 where there is one."""
    return torch.distributed.get_rank() if torch.distributed.is_initialized() else 0


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in their order; gradients flow back to where they came from."""
    if not torch.distributed.is_initialized():
        return rows
    if rows.dtype == torch.bool:
        return gathered(rows.to(torch.uint8)).bool()
    if not rows.requires_grad:
        pieces = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
        torch.distributed.all_gather(pieces, rows.contiguous())
        return torch.cat(pieces)
    return torch.cat(all_gather(rows))
