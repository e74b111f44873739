"""How fast the product is, measured; not part of it. `python -m benchmarks` runs everything."""
