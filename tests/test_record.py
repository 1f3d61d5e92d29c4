from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from steadygan.record import FlatRecord, Record, Statistics, summarise


def record(loss: float, *, applied: bool = True, lazy: float | None = None) -> Record:
    terms = {"wasserstein": torch.tensor(loss)}
    if lazy is not None:
        terms["r1"] = torch.tensor(lazy)
    scores = {"real": Statistics.of(torch.tensor([loss, loss + 2]))}
    return Record(torch.tensor(loss), terms, {"critic": torch.tensor(1.0)}, applied, {}, scores)


def test_statistics_by_hand() -> None:
    statistics = Statistics.of(torch.tensor([[1.0, 2.0], [3.0, 6.0]]))
    assert [float(v) for v in statistics] == pytest.approx([3.0, 3.5**0.5, 1.0, 6.0])


def test_a_window_is_averaged_with_its_extremes() -> None:
    window = [record(1.0), record(4.0, lazy=5.0), record(float("nan"), applied=False)]
    summary = summarise([r.flat() for r in window])
    assert summary["loss"] == 2.5
    assert summary["terms.r1"] == 5.0  # over the updates that had it
    assert summary["scores.real.min"] == 1.0
    assert summary["scores.real.max"] == 6.0
    assert summary["refused"] == 1


def test_where_all_were_refused_the_evidence_stands() -> None:
    summary = summarise([record(float("inf"), applied=False).flat()])
    assert summary["loss"] == float("inf")
    assert summary["refused"] == 1


def test_a_window_read_back_gives_the_same_sums() -> None:
    window = [record(x).flat() for x in (0.1, 0.7, 1e-7)]
    back = [
        FlatRecord.from_json(json.loads(json.dumps(r.to_json())), torch.device("cpu"))
        for r in window
    ]
    assert summarise(back) == summarise(window)


def test_flags_that_are_still_on_the_device_count_as_read_ones() -> None:
    read = [record(1.0), record(5.0), record(float("nan"), applied=False)]
    unread = [replace(r, applied=torch.tensor(r.applied)) for r in read]
    assert summarise([r.flat() for r in unread]) == summarise([r.flat() for r in read])
