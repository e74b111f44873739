"""Error rates on held-out identities while a network learns, to choose between recipes by."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from siamese.checkpoint import CheckpointConfig
from siamese.data import people
from siamese.data.people import Part
from siamese.data.pixels import embed_stored, read_stored, stored_window
from siamese.data.split import Split
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics import Scores, equal_error_rate, tar_at_far
from siamese.evaluation.protocols.identification import first_of_family
from siamese.network import Siamese


class Validation:
    """Error rates on validation people, for choosing between checkpoints and recipes."""

    MAX_PICTURES = 1500

    def __init__(
        self,
        pixels: np.ndarray,
        identities: np.ndarray,
        window: tuple[float, float, float, float],
        families: np.ndarray | None = None,
    ) -> None:
        """`families` where only members of one family are impostors of each other."""
        self.pixels, self.identities, self.window = pixels, identities, window
        self.families = families

    @classmethod
    def load(
        cls, data: Sequence[Path], config: CheckpointConfig, split: Split, cache: Path
    ) -> "Validation | None":
        """The validation people of these sources; None where there are too few to measure."""
        pictures = [
            picture
            for source in data
            for picture in split.of(people.list_pictures(source), Part.VALIDATION)
        ]
        counts = Counter(picture.identity for picture in pictures)
        pictures = [picture for picture in pictures if counts[picture.identity] > 1]
        step = -(-len(pictures) // cls.MAX_PICTURES)
        keep = set(list(dict.fromkeys(p.identity for p in pictures))[:: max(1, step)])
        pictures = [picture for picture in pictures if picture.identity in keep]
        if len(keep) < 2:
            return None
        pixels = read_stored(pictures, config, cache)
        identities = [picture.identity for picture in pictures]
        families = people.numbers([split.family(name) for name in identities])
        return cls(
            pixels,
            people.numbers(identities),
            stored_window(config),
            families if split.impostors_within else None,
        )

    def __call__(self, network: Siamese) -> dict[str, float]:
        """EER and the genuine rate at 1 % and 0.1 % false matches over all pairs.

        With families, over the impostors inside them, and how often one picture each of all members
        suffices to find the right one (`first_of_family`).
        """
        embeddings = embed_stored(network, self.pixels, self.window)
        logits = Comparison.of(network).matrix(embeddings, embeddings)
        upper = np.triu(np.ones(logits.shape, bool), 1)
        same = self.identities[:, None] == self.identities[None]
        rivals = ~same
        if self.families is not None:
            rivals &= self.families[:, None] == self.families[None]
        scores = Scores(logits[same & upper], logits[rivals & upper])
        found = {
            "validation_eer": equal_error_rate(scores),
            "validation_tar_1": tar_at_far(scores, 0.01).tar.value,
            "validation_tar_0_1": tar_at_far(scores, 0.001).tar.value,
        }
        if self.families is not None:
            right = first_of_family(logits, self.identities, self.families)
            found["validation_one_shot"] = float(right.mean())
        return found
