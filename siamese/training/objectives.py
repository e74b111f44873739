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

from siamese.data.targets import SAME_PERSON
from siamese.network import Siamese

Parts = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Batch:
    """B training pictures as the network sees them."""

    pictures: Tensor  # (B, C, S, S) float32, 0..1
    targets: Tensor  # (B, D) float32 unit length; rows of zeros where there is no target
    identities: Tensor  # (B,) int64; -1 where nobody knows


class Distillation(nn.Module):
    """Make the embedding point where the target embedding points.

    Mean of 1 - cosine, plus `similarity_weight` times the squared error of the batch's matrix of
    similarities (as in relational distillation, Park et al. 2019, the similarity in place of the
    distance).
    """

    def __init__(self, network: Siamese, similarity_weight: float = 2.0) -> None:
        super().__init__()
        self.network = network
        self.similarity_weight = similarity_weight

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """The loss of a batch, and its parts for the log."""
        embedding = self.network.embed(batch.pictures)
        with torch.autocast(embedding.device.type, enabled=False):  # the loss in full precision
            return self.loss(gathered(embedding), gathered(batch.targets))

    def loss(self, embedding: Tensor, targets: Tensor) -> tuple[Tensor, Parts]:
        """The loss for embeddings of any length and targets of unit length, both (B, D)."""
        embedding = F.normalize(embedding)
        cosine = (1 - (embedding * targets).sum(1)).mean()
        similarity = (embedding @ embedding.T - targets @ targets.T).square().mean()
        parts = {"cosine": cosine.detach(), "similarity": similarity.detach()}
        return cosine + self.similarity_weight * similarity, parts


class VerificationObjective(nn.Module):
    """Binary cross entropy on pairs (Koch et al. 2015, section 3.2), all pairs of the batch.

    Genuine and impostor pairs weigh the same in sum, as if both were equally likely. Batches are
    drawn so that relatives and look-alikes meet in them; `hard_weight` adds, once more, the mean
    over the hardest tenth of impostor pairs. `distillation_weight` keeps the embedding near its
    targets, where there are any, so that what it learned from unlabelled pictures is not lost.
    """

    def __init__(
        self, network: Siamese, hard_weight: float = 0.5, distillation_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.network = network
        self.hard_weight = hard_weight
        self.distillation = Distillation(network) if distillation_weight else None
        self.distillation_weight = distillation_weight

    def forward(self, batch: Batch) -> tuple[Tensor, Parts]:
        """The loss of a batch, and its parts for the log."""
        embedding = self.network.embed(batch.pictures)
        with torch.autocast(embedding.device.type, enabled=False):  # the loss in full precision
            return self.loss(
                gathered(embedding), gathered(batch.targets), gathered(batch.identities)
            )

    def loss(self, embedding: Tensor, targets: Tensor, identities: Tensor) -> tuple[Tensor, Parts]:
        """The loss for embeddings (B, D), targets (B, T) and identities (B,), -1 for unknown."""
        genuine, impostor = self._pairs(embedding, targets, identities)
        accept, reject = F.softplus(-genuine), F.softplus(impostor)
        hardest = reject.topk(-(-len(reject) // 10)).values
        weights = (1.0, 1.0, self.hard_weight)
        terms = [_mean(term) for term in (accept, reject, hardest)]
        loss = torch.stack([w * t for w, t in zip(weights, terms, strict=True)]).sum()
        loss = loss / sum(weights)
        names = ("genuine", "impostor", "hardest")
        parts = {name: term.detach() for name, term in zip(names, terms, strict=True)}
        if self.distillation is not None:
            aimed = targets.abs().sum(1) > 0
            kept, _ = self.distillation.loss(embedding[aimed], targets[aimed])
            parts["distillation"] = kept.detach()
            loss = loss + self.distillation_weight * kept
        return loss, parts

    def _pairs(
        self, embedding: Tensor, targets: Tensor, identities: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits of the genuine and of the impostor pairs; each pair counts in both orders.

        Sources name people independently, and some not at all: a pair whose targets agree well is
        no impostor, whatever the names say; one with a nameless picture is one only where both
        have a target.
        """
        logits = self.network.compare(embedding[:, None], embedding[None])
        known, aimed = identities >= 0, targets.abs().sum(1) > 0
        same = (identities[:, None] == identities[None]) & known & known[:, None]
        itself = torch.eye(len(identities), dtype=torch.bool, device=logits.device)
        told = (known & known[:, None]) | (aimed & aimed[:, None])
        alike = targets @ targets.T > SAME_PERSON
        return logits[same & ~itself], logits[~same & ~itself & told & ~alike]


def _mean(terms: Tensor) -> Tensor:
    """The mean; 0 where a batch has no pair of a kind."""
    return terms.sum() / max(1, len(terms))


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes, in their order; gradients flow back to where they came from.

    Every process computes the loss of the whole batch from them. Each process' gradient then
    arrives once from every process, and the average that data parallelism takes is exactly the
    gradient of that loss: several processes train as one would, but for batch norms.
    """
    if not torch.distributed.is_initialized():
        return rows
    if rows.requires_grad:
        return torch.cat(all_gather(rows))
    pieces = [torch.empty_like(rows) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(pieces, rows.contiguous())
    return torch.cat(pieces)
