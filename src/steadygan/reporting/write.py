"""A document onto the disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from steadygan.errors import UsageError
from steadygan.reporting.document import Document
from steadygan.reporting.figures import write_figures
from steadygan.reporting.page import to_html


@dataclass(frozen=True)
class WrittenReport:
    """What was written.

    Attributes:
        page: the HTML file.
        figures: files of single figures, where they were asked for.
        document: what they show, as data.
    """

    page: Path
    figures: tuple[Path, ...]
    document: Document


def check_page(page: Path) -> None:
    """Raises UsageError where ``page`` cannot be the name of a report."""
    if page.suffix.lower() not in (".html", ".htm"):
        raise UsageError(f"{page} must end in .html: a report is one HTML file.")
    if page.is_dir():
        raise UsageError(f"{page} cannot be written: it is a folder.")


def write(document: Document, page: Path, figures: Path | None = None) -> WrittenReport:
    """Write a document as one HTML file, in place of an earlier one, and its figures into a folder.

    Raises:
        UsageError: ``page`` does not end in .html, or cannot be written.
    """
    check_page(page)
    temporary = page.with_name(f".{page.name}.tmp")
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(to_html(document), encoding="utf-8")
        temporary.replace(page)
    except OSError as error:
        raise UsageError(f"{page} cannot be written: {error.strerror or error}.") from None
    finally:
        if page.parent.is_dir():
            temporary.unlink(missing_ok=True)
    return WrittenReport(
        page, () if figures is None else write_figures(document, figures), document
    )
