"""Made-up people for the evaluation tests: points in a space where distance means identity.

And what is wrong in a checkpoint's folder.
"""

import dataclasses
from pathlib import Path

import numpy as np

from siamese import checkpoint
from siamese.data.collection import Collection
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.metrics_file import pairs_of, read_metrics

SIZE = 16


def comparison(bias: float = 8.0) -> Comparison:
    """A head with uneven weights, so that forgetting them shows."""
    return Comparison(np.linspace(0.2, 0.8, SIZE), bias)


def people(
    count: int, photos: int, noise: float = 0.5, seed: int = 0
) -> tuple[np.ndarray, list[str]]:
    """Embeddings (count * photos, SIZE) and identities of people with `photos` photos each."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(count, SIZE)).repeat(photos, axis=0)
    vectors = centres + noise * random.normal(size=centres.shape)
    return vectors.astype(np.float32), [f"person{i // photos}" for i in range(count * photos)]


def collection(count: int, photos: int, noise: float = 0.5, seed: int = 0) -> Collection:
    """These people as a collection that was embedded."""
    vectors, identities = people(count, photos, noise, seed)
    return dataclasses.replace(Collection.named(identities), vectors=vectors)


def check_folder(folder: Path) -> list[str]:
    """What is wrong between weights, config.json and metrics.json of a folder; empty if nothing."""
    loaded = checkpoint.load_folder(folder)  # compares the weights with config.json
    content = read_metrics(folder)
    if content is None:
        return [f"{folder} has no metrics.json."]
    wrong = []
    if content["weights_sha256"] != loaded.sha256:
        wrong.append(f"metrics.json is of other weights ({content['weights_sha256'][:12]}...).")
    rule, report = loaded.config.decision, pairs_of(content["protocols"])
    for point in rule.operating_points if rule and report else ():
        measured = report["operating_points"].get(point.name)
        if measured != point.to_dict():
            wrong.append(f"Operating point {point.name} differs between the two files.")
    if loaded.sha256 not in (checkpoint.read_card(folder) or ""):
        wrong.append("The model card is missing or of other weights.")
    return wrong
