"""What a loop's own tensors say: labels, the points of a penalty, rows that repeat."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_FITS = 0.02  # the spread of a loss's weight over samples, in units of it, where its form is right
_SOME = 32  # scores that labels are read from, at least


class Slopes(NamedTuple):
    """A loss's derivatives by scores, ``(n,)`` on the CPU; the second is that of the first ones'
    sum, None where the loss bends nowhere."""

    first: Tensor
    second: Tensor | None


def slopes(loss: Tensor, scores: Tensor) -> Slopes | None:
    """None where the loss does not depend on the scores. It may depend on what they were cut out
    of: halves of the scores of one joined batch, after the loss of it was taken.

    Raises:
        RuntimeError: their graph was used up already.
    """
    at, inside = scores, False
    (first,) = torch.autograd.grad(loss, at, create_graph=True, allow_unused=True)
    base = scores._base
    if first is None and base is not None and base.requires_grad and base.is_contiguous():
        at, inside = base, True
        (first,) = torch.autograd.grad(loss, at, create_graph=True, allow_unused=True)
    if first is None:
        return None

    def cut(gradient: Tensor) -> Tensor:
        if not inside:
            return gradient
        offset = scores.storage_offset() - at.storage_offset()
        return gradient.contiguous().as_strided(scores.shape, scores.stride(), offset)

    mine, second = cut(first), None
    if mine.requires_grad:
        try:
            (found,) = torch.autograd.grad(mine.sum(), at, retain_graph=True, allow_unused=True)
            second = None if found is None else cut(found).detach().flatten().cpu().double()
        except RuntimeError:  # a loss that can be differentiated once
            second = None
    return Slopes(mine.detach().flatten().cpu().double(), second)


def slopes_of_parts(loss: Tensor, parts: Sequence[Tensor]) -> Slopes | None:
    """As ``slopes``, by the scores of several heads, one after the other. A loss knows them apart,
    and nothing of what they were joined to afterwards."""
    found = [each for part in parts if (each := slopes(loss, part)) is not None]
    if len(found) < len(parts):
        return None
    seconds = [torch.zeros_like(f.first) if f.second is None else f.second for f in found]
    bent = any(each.second is not None for each in found)
    return Slopes(torch.cat([f.first for f in found]), torch.cat(seconds) if bent else None)


class Labels(NamedTuple):
    form: str
    values: Tensor


def labels(scores: Tensor, first: Tensor, second: Tensor) -> Labels | None:
    """The label that each score is pulled to, and the form of the loss. None where no form fits.

    Of c times a cross-entropy of logits the first derivative is c (σ(s) − y), the second
    c σ(s) (1 − σ(s)); of least squares c (s − y) and c; of a cross-entropy of probabilities
    c (s − y) / (s (1 − s)). The right form is the one whose c is the same at every score, so labels
    may differ from sample to sample.

    Args:
        scores, first, second: ``(n,)``, the derivatives times n.
    """
    s = scores.double()
    p = s.sigmoid()
    forms = {
        "cross-entropy": (second / (p * (1 - p)), p, first, p * (1 - p)),
        "least squares": (second, s, first, torch.ones_like(s)),
    }
    if bool(((s > 0) & (s < 1)).all()):
        spread = s * (1 - s)
        pull = first * spread
        weight = (second * spread.square() - pull * (2 * s - 1)) / spread
        forms["cross-entropy of probabilities"] = (weight, s, pull, spread)
    found = []
    for form, (weight, x, pull, certain) in forms.items():
        clear = certain > 1e-3  # elsewhere rounding decides
        if int(clear.sum()) < _SOME:
            continue
        c = weight[clear]
        middle = c.median()
        if not bool(middle > 0):
            continue
        off = float((c - middle).abs().quantile(0.9) / middle)
        found.append((off, form, (x - pull / middle)[clear]))
    found.sort(key=lambda each: each[0])
    if not found or found[0][0] > _FITS or (len(found) > 1 and found[1][0] < 3 * found[0][0]):
        return None
    return Labels(found[0][1], found[0][2])


def shares(at: Tensor, real: Tensor, fake: Tensor) -> Tensor | None:
    """ε of points ε·real + (1 − ε)·fake, ``(n,)``; None where they are not on these lines, or are
    real or fake samples themselves.

    Args:
        at, real, fake: ``(n, *shape)``.
    """
    across = (real - fake).flatten(1).cpu().double()
    from_fake = (at - fake).flatten(1).cpu().double()
    length = across.square().sum(1).clamp(min=1e-30)
    share = (from_fake * across).sum(1) / length
    off = (from_fake - share[:, None] * across).square().sum(1) / length
    at_ends = bool(((share.abs() < 1e-6) | ((share - 1).abs() < 1e-6)).all())
    return None if at_ends or bool((off > 1e-4).any()) else share


class Rows(NamedTuple):
    """A batch of real samples: a number for each row, sorted, that tells rows apart."""

    prints: tuple[float, ...]
    is_continuous: bool | None


def rows(batch: Tensor, *, closely: bool = True) -> Rows:
    """``is_continuous``: where rows differ, a single column tells them apart; None unless looked at
    ``closely``. Rows of few values (words, categories, pixels) come again in sound data too."""
    flat = batch.detach().reshape(len(batch), -1).cpu().double()
    prints = flat @ _direction(flat.shape[1])
    in_order = tuple(prints.sort().values.tolist())
    if not closely:
        return Rows(in_order, None)
    distinct = len(set(in_order))
    column = flat[:, int(flat.std(0, correction=0).argmax())]
    whole = bool((column == column.round()).all())
    continuous = not whole and distinct > 4 and len(torch.unique(column)) >= 0.9 * distinct
    return Rows(in_order, continuous)


@functools.cache
def _direction(columns: int) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(columns, generator=rng, dtype=torch.float64, device="cpu")


def different(batches: Sequence[Rows]) -> tuple[int, int]:
    """How many batches differ in more than the order of their rows, and how many rows differ."""
    return len({b.prints for b in batches}), len({row for b in batches for row in b.prints})
