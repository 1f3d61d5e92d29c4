"""``python -m steadygan``, as torchrun calls it."""

import sys

from steadygan.cli import main

if __name__ == "__main__":
    sys.exit(main())
