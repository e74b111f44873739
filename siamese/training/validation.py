"""Error rates on held-out identities while a network learns, to choose between recipes by."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from siamese.checkpoint import CheckpointConfig
from siamese.data.split import Split
from siamese.evaluation.bench import embed_pixels
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.protocols.conditions import Conditions, LabelledCrops, columns
from siamese.evaluation.protocols.identification import first_of_family
from siamese.network import Siamese


class Validation:
    """Columns of a log: `conditions.columns`, and for alphabets how often one picture suffices."""

    def __init__(self, conditions: Conditions) -> None:
        self.conditions = conditions

    @classmethod
    def load(
        cls,
        data: Sequence[Path],
        unlabelled: Sequence[Path],
        config: CheckpointConfig,
        split: Split,
        cache: Path,
    ) -> "Validation | None":
        """The validation people of these sources; None where there are too few to measure."""
        conditions = Conditions.load(data, unlabelled, config, split, cache)
        return cls(conditions) if conditions else None

    def __call__(self, network: Siamese) -> dict[str, float]:
        """The columns of a row. Pictures are embedded alone, as in training: half the time."""
        plain = network.with_mirror(False)
        found = columns(self.conditions.measure(plain))
        if self.conditions.within:
            found["validation_one_shot"] = _one_shot(self.conditions.main, plain)
        return found


def _one_shot(shown: LabelledCrops, network: Siamese) -> float:
    """How often one picture each of all members of a family finds the right one."""
    vectors = embed_pixels(network, shown.crops)
    logits = Comparison.of(network).matrix(vectors, vectors)
    return float(np.mean(first_of_family(logits, shown.people, shown.families)))
