"""The command line as a process: ``steadygan``, or ``python -m steadygan`` as torchrun calls it."""

import os
import sys

from steadygan.cli import main


def run() -> None:
    """Run the command line and end the process with its exit code."""
    code = main()
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        # Threads of torch.distributed may still hold tensors; dropped while the interpreter takes
        # itself apart, they abort it (github.com/pytorch/pytorch/pull/179291), and torchrun counts
        # the process as lost. All that is to be written was written.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    run()
