"""The protocols that `python -m siamese evaluate` runs, by name, each from files to plain data.

A protocol takes a `Bench`, which reads and embeds each test set once, and returns its part of
metrics.json. What it measures is computed by pure functions in the same file or beside `bench`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siamese.checkpoint import CheckpointConfig
from siamese.evaluation.bench import LFW, LFW_PAIRS, Bench, sources_in, sources_of
from siamese.evaluation.protocols import (
    calibration_people,
    explanations,
    families,
    groups,
    identification,
    lfw,
    omniglot,
    own_pairs,
    robustness,
    unusual_photos,
    warnings,
    worse_photos,
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol and the files of the data folder without which it cannot run.

    `subject` is what it shows a network: "faces", or "drawings", which are compared whole. With
    `sources` it reads those that the checkpoint was calibrated on, and needs at least one of them.
    """

    run: Callable[[Bench], Any]
    needs: tuple[str, ...] = ()
    subject: str = "faces"
    sources: bool = False

    def missing(self, data: Path, config: CheckpointConfig) -> list[str]:
        """What it needs and `data` does not hold, in words."""
        lacking = [name for name in self.needs if not (data / name).exists()]
        if self.sources and not sources_in(data, config):
            named = ", ".join(sources_of(config)) or "config.json names none"
            lacking.append(f"a source that the checkpoint was calibrated on ({named})")
        return lacking

    def files(self, data: Path, config: CheckpointConfig) -> list[str]:
        """Names of the files of `data` that it reads."""
        return [*self.needs, *(sources_in(data, config) if self.sources else ())]


PROTOCOLS: dict[str, Protocol] = {
    "lfw": Protocol(lfw.run, (LFW, LFW_PAIRS)),
    "one_shot": Protocol(identification.run_one_shot, (LFW,)),
    "pick": Protocol(identification.run_pick, (LFW,)),
    "open_set": Protocol(identification.run_open_set, (LFW,)),
    "calibration_people": Protocol(calibration_people.run, sources=True),
    "families": Protocol(families.run, (families.FAMILIES,)),
    "groups": Protocol(groups.run, (groups.GROUPS,)),
    "robustness": Protocol(robustness.run, (LFW, LFW_PAIRS)),
    "explanations": Protocol(explanations.run, (LFW, LFW_PAIRS)),
    "worse_photos": Protocol(worse_photos.run, sources=True),
    "unusual_photos": Protocol(unusual_photos.run, sources=True),
    "warnings": Protocol(warnings.run, (LFW, LFW_PAIRS)),
    "pairs": Protocol(own_pairs.run, (own_pairs.PAIR_LIST,)),
    "omniglot": Protocol(omniglot.run, (omniglot.RUNS, omniglot.CHARACTERS), "drawings"),
}
