"""How train and resume end: the last lines and the exit code."""

from __future__ import annotations

import os
import shlex
import signal
from typing import TYPE_CHECKING

from steadygan.cli.display import Display
from steadygan.cli.output import print_json

if TYPE_CHECKING:
    from steadygan.run import Run


def end(run: Run, display: Display, *, json: bool) -> int:
    """Say where the run is and how to go on; 0 finished, 1 given up, 128 + signal interrupted."""
    if os.environ.get("RANK", "0") != "0":  # of several processes one speaks
        return 0
    info = run.info()
    if json:
        print_json(info)
    where = shlex.quote(str(run.directory))
    status, reason = info["status"], info["reason"]
    display.say(f"{status} at step {info['step']:,} after {info['seconds']:.0f} s: {reason}")
    if status == "interrupted":
        display.say(f"resume with: steadygan resume {where}")
        return 128 + signal.Signals[reason].value
    if status == "non_finite":
        display.say(
            f"the last good weights are in {where}; try a lower learning rate: "
            "--set critic_optimiser.lr=… --set generator_optimiser.lr=…"
        )
        return 1
    if status == "unsaved":
        display.say(f"what was tried is in its history: steadygan report {where}")
        return 1
    display.say(f"run: {where}")
    display.say(f"sample with: steadygan sample {where} -n 100 -o samples.png")
    display.say(f"look at it with: steadygan report {where}")
    return 0
