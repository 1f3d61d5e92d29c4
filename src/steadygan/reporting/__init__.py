"""Reports: a run directory becomes a document, which is data until it is rendered."""

from steadygan.reporting.document import Document, Missing, Section, outline
from steadygan.reporting.figures import write_figures
from steadygan.reporting.gather import gather
from steadygan.reporting.page import to_html
from steadygan.reporting.reading import by_reason
from steadygan.reporting.several import gather_several
from steadygan.reporting.write import WrittenReport, check_page, write

__all__ = [
    "Document",
    "Missing",
    "Section",
    "WrittenReport",
    "by_reason",
    "check_page",
    "gather",
    "gather_several",
    "outline",
    "to_html",
    "write",
    "write_figures",
]
