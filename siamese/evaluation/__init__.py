"""Measuring a checkpoint: metrics, protocols, calibration, report. Never imported by the app."""

from pathlib import Path
from typing import Any

__all__ = ["evaluate"]


def evaluate(
    checkpoint_folder: Path,
    data_folder: Path,
    out_folder: Path | None = None,
    protocols: list[str] | None = None,
) -> dict[str, Any]:
    """Measure a checkpoint and write metrics.json, plots and model card; see `report.evaluate`."""
    # Imported here: the calibration and the metrics can be had without the plotting library.
    from siamese.evaluation import report

    return report.evaluate(checkpoint_folder, data_folder, out_folder, protocols)
