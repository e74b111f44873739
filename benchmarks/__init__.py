"""Scenes and timings; not part of the product."""
