"""metrics.json of a checkpoint folder: read, write, and what it says of the published pairs."""

import json
from pathlib import Path
from typing import Any

from siamese import checkpoint as checkpoints
from siamese import writing
from siamese.checkpoint import METRICS
from siamese.errors import InputError

SCHEMA_VERSION = 1


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """metrics.json of a folder; None where there is none. InputError where it is damaged."""
    path = folder / METRICS
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}).") from error
    if not isinstance(content, dict) or content.get("schema_version") != SCHEMA_VERSION:
        raise InputError(f"{path} is not of schema version {SCHEMA_VERSION}; measure again.")
    return content


def write_metrics(folder: Path, content: dict[str, Any]) -> None:
    """Write metrics.json; a reader never sees half of it."""
    text = checkpoints.dense(json.dumps(content, indent=1)) + "\n"
    writing.write(folder / METRICS, text.encode())


def pairs_of(found: dict[str, Any]) -> dict[str, Any]:
    """The report on the pairs whose rates are published; empty where none were measured."""
    pairs: dict[str, Any] = found.get("lfw") or found.get("omniglot", {}).get("verification", {})
    return pairs
