"""Numbers as people read them: the same on the page, on the command line and in messages."""


def percent(share: float) -> str:
    """A probability 0..1 in per cent; never 0 and never 100, since nothing is certain."""
    if share < 0.001:
        return "under 0.1 %"
    if share > 0.999:
        return "over 99.9 %"
    value = 100 * share
    return f"{value:.0f} %" if 1 <= round(value, 1) <= 99 else f"{value:.1f} %"


def rate(value: float) -> str:
    """An error rate 0..1 in per cent, which may well be 0; without powers of ten."""
    value *= 100
    if 0 < value < 0.001:
        return "under 0.001 %"
    return f"{value:.2g} %" if value < 10 else f"{value:.0f} %"


def exact(share: float) -> str:
    """A probability that was chosen, not computed, in per cent: "50 %", "0.1 %", "12.5 %"."""
    return f"{100 * share:g} %"


def factor(value: float) -> str:
    """By how much odds change, at least 1."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}" if value < 1000 else "over 1,000"
