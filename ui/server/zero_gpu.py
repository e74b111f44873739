"""What ZeroGPU, the free hardware of Hugging Face Spaces, wants of an app; nothing elsewhere.

Such a Space is stopped at its start unless it owns a function that is decorated with `spaces.GPU`,
and `spaces` has to be imported before anything touches a GPU. The network answers on the CPU sooner
than a GPU could be lent, so the function is there and nobody calls it.
"""

import importlib.util

if importlib.util.find_spec("spaces") is not None:
    import spaces

    @spaces.GPU  # type: ignore[untyped-decorator]
    def borrow() -> str:
        """Hold a GPU for a moment."""
        return "borrowed"
