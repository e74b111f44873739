"""Measuring a checkpoint: metrics, protocols, calibration, report. Never imported by the app."""
