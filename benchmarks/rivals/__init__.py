"""The product beside what people would otherwise use, on the same photos."""
