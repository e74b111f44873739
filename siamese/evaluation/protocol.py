"""What a protocol is: a measurement by name, and what it needs to run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from siamese.calibration import ANYBODY
from siamese.checkpoint import CheckpointConfig
from siamese.evaluation.bench import Bench, sources_in, sources_of


@dataclass(frozen=True, slots=True)
class Protocol:
    """A protocol and the files of the data folder without which it cannot run.

    `run` takes a `Bench` and returns the protocol's part of metrics.json. `subject` is what it
    shows a network: "faces", or "drawings", which are compared whole. With `sources` it reads those
    that the checkpoint was calibrated on, and needs at least one of them; with `warned` a rule for
    photos that are warned of. What is not `published` concerns nobody but its owner, and a
    checkpoint's card never holds it.
    """

    name: str
    run: Callable[[Bench], Any]
    needs: tuple[str, ...] = ()
    subject: str = "faces"
    sources: bool = False
    warned: bool = False
    published: bool = True

    def missing(self, data: Path, config: CheckpointConfig) -> list[str]:
        """What it needs and `data` does not hold, in words."""
        lacking = [name for name in self.needs if not (data / name).exists()]
        if self.sources and not sources_in(data, config):
            named = ", ".join(sources_of(config)) or "config.json names none"
            lacking.append(f"a source that the checkpoint was calibrated on ({named})")
        if self.sources and config.calibration.get("cross_validated"):
            lacking.append("calibration people who report only: they were so few that all fitted")
        rule = config.decision
        if self.warned and not (rule and rule.among(ANYBODY, warned=True).warned):
            lacking.append("a checkpoint calibrated for photos that are warned of")
        return lacking

    def files(self, data: Path, config: CheckpointConfig) -> list[str]:
        """Names of the files of `data` that it reads."""
        return [*self.needs, *(sources_in(data, config) if self.sources else ())]
