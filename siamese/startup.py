"""Which checkpoint a server answers with: the one it was told, or the embedded one, said aloud.

A page must start even where the Hub does not answer. In Python and on the command line a named
checkpoint that cannot be had is an error instead: see `Verifier.from_pretrained`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from siamese.errors import CheckpointError
from siamese.verifier import Verifier

VARIABLE = "SIAMESE_CHECKPOINT"


@dataclass(frozen=True, slots=True)
class Started:
    """A verifier that is ready, and what a visitor has to know about it.

    `problem` is empty, or why the checkpoint that was asked for is not the one that answers; it
    stays for as long as the process runs.
    """

    verifier: Verifier
    problem: str = ""


def asked_for() -> str | None:
    """The checkpoint that SIAMESE_CHECKPOINT names, None where it names none."""
    return os.environ.get(VARIABLE) or None


def start(checkpoint: str | Path | None = None, refresh: bool = False) -> Started:
    """Load `checkpoint`, else what SIAMESE_CHECKPOINT names, else the embedded one.

    Where the named one cannot be had, the embedded one answers and `problem` says so. Raises
    CheckpointError only where the embedded one is damaged too.
    """
    named = checkpoint or asked_for()
    if named is None:
        return Started(Verifier.from_pretrained())
    try:
        return Started(Verifier.from_pretrained(named, refresh=refresh))
    except CheckpointError as error:
        problem = f"The embedded checkpoint answers, not {named} as it should. {error}"
        return Started(Verifier.from_pretrained(), problem)
