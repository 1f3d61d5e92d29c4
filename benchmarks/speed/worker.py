"""The process of one contestant: makes it ready, then does iterations when it is asked to.

    python worker.py JSON

JSON names module, options, setting, folder and threads. Each line of standard input is a number of
iterations; the answer is a line of JSON with their seconds and counts. What a contestant prints
goes nowhere.
"""

from __future__ import annotations

import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO


def answer(out: TextIO, **values: Any) -> None:
    out.write(json.dumps(values) + "\n")
    out.flush()


def limit(threads: int) -> None:
    """To this many cores, and torch, where there is one, to as many threads: JAX knows only the
    first way, and all shall have the same."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(threads)


def main(task: dict[str, Any]) -> None:
    out = os.fdopen(os.dup(1), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        limit(task["threads"])
        import memory
        from settings import Setting

        folder = None if task["folder"] is None else Path(task["folder"])
        module = import_module(f"contestants.{task['module']}")
        work = module.prepare(Setting.from_json(task["setting"]), folder, **task["options"])
        before = memory.of_process("VmRSS")
        answer(out, parameters=work.parameters)
        for line in sys.stdin:
            began = time.perf_counter()
            work.iterate(int(line))
            seconds = time.perf_counter() - began
            peak = memory.of_process("VmHWM")
            answer(out, seconds=seconds, peak=peak, before=before, updates=work.updates())
    except Exception as error:  # whatever a peer's code raises
        answer(out, error=" ".join(f"{type(error).__name__}: {error}".split()))
        raise


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
