from __future__ import annotations

import math
from pathlib import Path

import pytest

from steadygan.errors import RunError
from steadygan.history import History, HistoryWriter, RunFiles
from steadygan.record import Row


def rows(count: int) -> list[Row]:
    return [Row("record", step, step / 10, {"loss": 1.0 / (step + 1)}) for step in range(count)]


def write(path: Path, content: list[Row], keep: int | None = None) -> None:
    writer = HistoryWriter(path, keep)
    for row in content:
        writer(row)
    writer.close()


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    odd = Row("event", 3, 0.3, {"event": "rollback", "a": math.inf, "b": -math.inf, "c": math.nan})
    write(path, [*rows(3), odd])
    read = History.read(path)
    assert read.rows[:3] == rows(3)
    values = read.rows[3].values
    assert (values["a"], values["b"]) == (math.inf, -math.inf)
    assert math.isnan(values["c"])
    assert "NaN" not in path.read_text()  # which JSON does not know
    assert read.column("loss") == ([0, 1, 2], [1.0, 0.5, 1 / 3])
    assert read.last("loss") == 1 / 3
    assert read.last("absent") is None
    assert "loss" in read.names()
    assert [row.step for row in read.of_kind("event")] == [3]


def test_a_resume_cuts_off_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    write(path, rows(5))
    write(path, [Row("event", 2, 0.2, {"event": "resume"})], keep=2)
    assert [row.values.get("event") for row in History.read(path).rows] == [None, None, "resume"]


def test_a_torn_last_line_is_left_out_and_not_built_upon(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    write(path, rows(3))
    with path.open("a") as file:
        file.write('{"kind": "record", "st')
    assert len(History.read(path).rows) == 3
    write(path, rows(1), keep=9)
    assert len(History.read(path).rows) == 4


def test_what_is_missing_or_damaged_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    with pytest.raises(RunError, match="is this a run directory"):
        History.read(path)
    number = "1" + 5000 * "0"  # which int() refuses
    for line in ('{"kind": "record"}', f'{{"kind": "record", "step": {number}}}', 100_000 * "["):
        path.write_text(line + "\nx\n")
        with pytest.raises(RunError, match="line 1"):
            History.read(path)
    files = RunFiles(tmp_path)
    with pytest.raises(RunError, match=r"has no recipe\.json"):
        files.read(files.recipe)
    for content in ("{", "[1]"):
        files.recipe.write_text(content)
        with pytest.raises(RunError, match=r"recipe\.json"):
            files.read(files.recipe)
