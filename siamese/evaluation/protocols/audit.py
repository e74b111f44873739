"""Claims that can be checked again from what lies on disk.

- each training stage used as many people and pictures as the training part has, counted again from
  the files, the split and what the reference network says: nobody of the other parts
- the data files are those that the checkpoint's stages and its calibration name (SHA-256)
- training pictures that the network itself takes for a face of LFW, counted and listed
"""

from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siamese.calibration import VERY_CAREFUL
from siamese.checkpoint import CheckpointConfig
from siamese.data import people
from siamese.data.collection import embed_once
from siamese.data.people import Part, Picture
from siamese.data.reference import Reference
from siamese.data.split import PEOPLE, Split, split_named, training_pictures
from siamese.evaluation.bench import LFW, Bench
from siamese.evaluation.comparison import Comparison
from siamese.evaluation.protocol import Protocol

SAMPLED = 8_000  # training pictures compared with LFW
LISTED = 50  # look-alikes named in the report, most alike first
BLOCK = 256  # training pictures compared with all of LFW at a time


def audit(bench: Bench) -> dict[str, Any]:
    """Everything above; keys whose value is an empty list or mapping are claims that hold."""
    files = named_files(bench.checkpoint.config)
    found = {name: bench.data / name for name in files if (bench.data / name).exists()}
    pictures = known_pictures(bench.checkpoint.config, bench.data)
    counted, other = recounted_stages(bench.checkpoint.config, bench.data, bench.cache)
    report: dict[str, Any] = {
        "stages_counted": counted,
        "stages_of_other_pictures": other,
        "changed_files": changed_files(files, found),
        "missing_files": sorted(set(files) - set(found)),
    }
    if (bench.data / LFW).exists():
        report["look_alikes"] = _look_alikes(bench, pictures)
    return report


def named_files(config: CheckpointConfig) -> dict[str, str]:
    """Data files that config.json names, with the SHA-256 it gives."""
    files: dict[str, str] = {}
    for record in (*config.training, config.calibration):
        files |= record.get("sources", {}) | record.get("cohort_sources", {})
    return files


def changed_files(named: Mapping[str, str], found: Mapping[str, Path]) -> list[str]:
    """Names of files whose SHA-256 is not the one given."""
    return sorted(name for name, path in found.items() if people.fingerprint(path) != named[name])


def known_pictures(config: CheckpointConfig, data: Path) -> list[Picture]:
    """All pictures of the sources that config.json names, of all parts; people's first.

    Sources that it was calibrated on show known people, the others nobody in particular.
    """
    named = [name for name in named_files(config) if not name.endswith(".npz")]
    labelled = [name for name in named if name in config.calibration.get("sources", {})]
    rest = [name for name in named if name not in labelled]
    return [
        picture
        for name in (*labelled, *rest)
        if (data / name).exists()
        for picture in people.list_pictures(data / name, labelled=name in labelled)
    ]


def recounted_stages(config: CheckpointConfig, data: Path, cache: Path) -> tuple[int, list[str]]:
    """How many training stages could be counted again, and the commands of those that differ.

    A stage differs where its record has not as many people and pictures as training on its sources
    would use now. Averages have no sources; stages with a source or a teacher that `data` lacks are
    left out.
    """
    labelled = config.calibration.get("sources", {})
    files = {people.fingerprint(path): path for path in data.glob("*.safetensors")}
    sizes: dict[tuple[str | None, ...], tuple[int, int]] = {}  # most have the same sources
    counted, other = 0, []
    for record in config.training:
        named, teacher = record.get("sources", {}), record.get("teacher_sha256")
        # Embeddings in a file, as they once were, are what the teacher says; without it they lack.
        names = tuple(name for name in named if not (teacher and name.endswith(".npz")))
        there = all((data / name).exists() for name in names) and teacher in (None, *files)
        if not names or not there or "people" not in record:
            continue
        if (*names, teacher) not in sizes:
            reference = Reference(files[teacher], cache) if teacher else None
            sources = [data / name for name in names]
            split = split_named(record.get("split", PEOPLE.name))
            sizes[*names, teacher] = _training_size(sources, labelled, split, reference)
        counted += 1
        if sizes[*names, teacher] != (record["people"], record["pictures"]):
            other.append(record["command"])
    return counted, other


def _training_size(
    sources: Sequence[Path], labelled: Container[str], split: Split, reference: Reference | None
) -> tuple[int, int]:
    """People and pictures that a stage on these sources uses; `labelled` ones show people."""
    known = [source for source in sources if source.name in labelled]
    rest = [source for source in sources if source.name not in labelled]
    pictures = training_pictures(known, rest, split, reference)
    return len({p.identity for p in pictures if p.identity}), len(pictures)


def nearest(compare: Comparison, rows: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, ...]:
    """For each row (N, D) the greatest logit to `others` (M, D) and whose it is: (N,), (N,)."""
    best, which = np.empty(len(rows)), np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        logits = compare.matrix(rows[start : start + BLOCK], others)
        best[start : start + BLOCK] = logits.max(axis=1)
        which[start : start + BLOCK] = logits.argmax(axis=1)
    return best, which


def _look_alikes(bench: Bench, pictures: Sequence[Picture]) -> dict[str, Any]:
    """Training pictures whose best logit to any LFW face reaches the FMR 0.1 % threshold.

    Of `SAMPLED` of them, spread evenly: all would take hours, and a rate needs no more.
    With thousands of LFW faces to be compared with, chance alone lets nearly every picture reach
    it once in a thousand comparisons; so the report also says how many reach it per comparison.
    """
    trained = [p for p in pictures if not p.identity or people.part_of(p.identity) is Part.TRAIN]
    trained = trained[:: -(-len(trained) // SAMPLED) or 1]
    vectors = embed_once(bench.checkpoint.network, bench.checkpoint.config, trained)
    known = np.flatnonzero(bench.lfw.found)
    best, which = nearest(bench.compare, vectors, bench.lfw.vectors[known])
    threshold = bench.rule.point(VERY_CAREFUL).threshold
    above = np.flatnonzero(best >= threshold)
    listed = above[np.argsort(-best[above])][:LISTED]
    return {
        "threshold": threshold,
        "training_pictures": len(trained),
        "lfw_photos": len(known),
        "count": len(above),
        "expected_by_chance": float(len(trained) * (1 - 0.999 ** len(known))),
        "most_alike": [
            {
                "picture": f"{Path(trained[row].source).name}/{trained[row].name}",
                "lfw": bench.lfw.names[known[which[row]]],
                "logit": float(best[row]),
            }
            for row in listed
        ],
    }


PROTOCOLS = (Protocol("audit", audit, sources=True),)
