"""Shares with their exact bounds."""

from __future__ import annotations

from collections.abc import Iterable


def bounds(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a binomial share (Clopper & Pearson 1934)."""
    from scipy.stats import beta

    tail = (1.0 - level) / 2
    low = float(beta.ppf(tail, hits, n - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, n - hits)) if hits < n else 1.0
    return low, high


def share(hits: int, n: int) -> str:
    """In words, with 95 % bounds."""
    if not n:
        return "none"
    low, high = bounds(hits, n)
    return f"{hits} of {n} = {hits / n:.1%} ({low:.1%} to {high:.1%})"


def of(flags: Iterable[bool]) -> str:
    """The share of those that are true."""
    known = list(flags)
    return share(sum(known), len(known))
