"""The product beside what one would otherwise use, on the same photos."""
