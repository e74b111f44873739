"""The protocols that `python -m siamese evaluate` runs: every file in this folder, found by itself.

A new protocol is a new file here with `PROTOCOLS = (Protocol("its_name", run, needs=(...)),)` at
its end; no other file need be touched. What it measures is computed by pure functions beside it.
"""

import pkgutil
from importlib import import_module

from siamese.evaluation.protocol import Protocol


def discover() -> dict[str, Protocol]:
    """All protocols by name, in the order of their files' names."""
    modules = [import_module(f"{__name__}.{info.name}") for info in pkgutil.iter_modules(__path__)]
    return {protocol.name: protocol for module in modules for protocol in module.PROTOCOLS}


PROTOCOLS = discover()
