"""Printing results on standard output."""

from __future__ import annotations

import json
import sys
from typing import Any


def print_json(content: Any) -> None:
    """One JSON document on standard output, for a script."""
    sys.stdout.write(json.dumps(content, indent=2) + "\n")


def print_lines(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
