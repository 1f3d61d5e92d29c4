"""The tutorial's snippets run, in order, as a reader would type them."""

from __future__ import annotations

import re
from pathlib import Path


def test_the_snippets_run_in_order() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tutorial.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(snippets) >= 5
    scope: dict[str, object] = {}
    for snippet in snippets:
        exec(snippet, scope)
