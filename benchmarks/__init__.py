"""Measures how fast the product is; not part of it. `python -m benchmarks` runs everything."""
