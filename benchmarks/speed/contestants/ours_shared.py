"""Ours, where several processes of this machine share each batch, as ``torchrun`` would start them.

The first one is the contestant; it starts the others, tells them how many iterations to do, and its
threads are divided among all.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from settings import Setting
from torch import distributed

from contestants import Work, ours
from steadygan.processes import join


def prepare(setting: Setting, folder: Path | None = None, *, processes: int) -> Work:
    threads = max(1, torch.get_num_threads() // processes)
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    meeting = {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(processes),
        "OMP_NUM_THREADS": str(threads),
    }
    for rank in range(1, processes):
        subprocess.Popen(
            [sys.executable, __file__, setting.to_json()],
            env=os.environ | meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
    os.environ |= meeting | {"RANK": "0", "LOCAL_RANK": "0"}
    torch.set_num_threads(threads)
    work = ours.prepare(setting, processes=join())
    alone = work.iterate

    def iterate(count: int) -> None:
        distributed.broadcast(torch.tensor([count]), 0)
        alone(count)

    return Work(iterate, work.parameters, work.updates)


def follow(setting: Setting) -> None:
    """Do what the first one does, until it is gone."""
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    work = ours.prepare(setting, processes=join())
    count = torch.zeros(1, dtype=torch.int64)
    while True:
        try:
            distributed.broadcast(count, 0)
        except RuntimeError:
            return
        work.iterate(int(count))


if __name__ == "__main__":
    follow(Setting.from_json(sys.argv[1]))
