"""A document as one HTML file: nothing is loaded from anywhere else, and it opens from a disk.

Styles and script lie beside this file as ``page.css`` and ``page.js`` and are written into the
page; pictures are data URIs; figures are their numbers, which the script draws.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from html import escape
from importlib.resources import files
from itertools import groupby
from typing import Any

from steadygan.diagnosis import Finding
from steadygan.reporting.document import (
    Block,
    Captioned,
    Code,
    Document,
    Facts,
    Findings,
    Gallery,
    Histogram,
    Image,
    Layers,
    Lines,
    Missing,
    Picture,
    Scatter,
    Section,
    Sheets,
    Table,
    Text,
    Tiles,
)

# Nothing may be fetched, whatever a name or note in the run says.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
_MANY = ("smalls", "pictures", "missings")
_WIDENED = (Lines, Histogram, Layers, Scatter)  # where they stand alone in their row


def to_html(document: Document) -> str:
    """The whole page."""
    title = escape(document.title)
    status = (
        f'<span class="status {_slug(document.status)}">'
        f"{escape(document.status.replace('_', ' '))}</span>"
        if document.status
        else ""
    )
    links = "".join(
        f'<li><a href="#{_slug(s.title)}">{escape(s.title)}</a></li>' for s in document.sections
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{title} · steadygan</title>
<link rel="icon" href="data:,">
<style>
{_part_of_page("page.css")}</style>
</head>
<body>
<a class="skip" href="#{_slug(document.sections[0].title)}">Skip to the content</a>
<header class="top">
<div>
<p class="brand">steadygan report</p>
<h1>{title} {status}</h1>
<p class="subtitle">{escape(document.subtitle)}</p>
</div>
<button type="button" id="theme" aria-label="Switch between light and dark">◐</button>
</header>
<div class="page">
<nav aria-label="Sections"><ol>{links}</ol></nav>
<main>
{"".join(_section(section) for section in document.sections)}
</main>
</div>
<noscript><p class="noscript">The figures are drawn by this page itself, which needs JavaScript.
</p></noscript>
<div id="tip" role="status" hidden></div>
<script>
{_part_of_page("page.js")}</script>
</body>
</html>
"""


def _part_of_page(name: str) -> str:
    return files("steadygan.reporting").joinpath(name).read_text(encoding="utf-8")


def _section(section: Section) -> str:
    return (
        f'<section id="{_slug(section.title)}" aria-labelledby="{_slug(section.title)}-title">\n'
        f'<h2 id="{_slug(section.title)}-title">{escape(section.title)}</h2>\n'
        f'<p class="lead">{escape(section.lead)}</p>\n<div class="blocks">\n'
        f"{''.join(_laid_out(section.blocks))}</div>\n</section>\n"
    )


def _laid_out(blocks: Sequence[Block]) -> Iterator[str]:
    """Blocks in order: figures two in a row and a last odd one over both columns, small ones and
    more than two pictures many in a row, everything else over the whole width."""
    for kind, group in groupby(blocks, key=_width):
        together = list(group)
        if kind in _MANY and (kind == "smalls" or len(together) > 2):
            yield f'<div class="{kind} wide">{"".join(map(_render, together))}</div>\n'
            continue
        for index, block in enumerate(together):
            alone = index == len(together) - 1 and len(together) % 2 == 1
            wide = kind == "wide" or (alone and isinstance(block, _WIDENED))
            yield f'<div class="{"wide" if wide else "half"}">{_render(block)}</div>\n'


def _width(block: Block) -> str:
    match block:
        case Histogram(small=True):
            return "smalls"
        case Image(tile=True):
            return "pictures"
        case Lines() | Histogram() | Layers() | Scatter() | Image() | Sheets():
            return "half"
        case Missing():
            return "missings"
    return "wide"


@singledispatch
def _render(block: Any) -> str:
    raise TypeError(f"{type(block).__name__} is no block of a report")


@_render.register
def _(block: Text) -> str:
    return f"<p>{escape(block.text)}</p>"


@_render.register
def _(block: Facts) -> str:
    entries = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in block.entries
    )
    return f'<div class="card"><h3>{escape(block.title)}</h3><dl>{entries}</dl></div>'


@_render.register
def _(block: Tiles) -> str:
    tiles = "".join(
        f'<div class="tile"><span>{escape(tile.name)}</span><strong>{escape(tile.value)}</strong>'
        f"<small>{escape(tile.note)}</small></div>"
        for tile in block.tiles
    )
    picture = f'<div class="hero">{_image(block.picture)}</div>' if block.picture else ""
    return f'<div class="front">{picture}<div class="tiles">{tiles}</div></div>'


@_render.register
def _(block: Table) -> str:
    def cells(row: Iterable[str], tag: str) -> str:
        return "".join(
            f"<{tag}{' class=number' if i in block.numeric else ''}>{escape(cell)}</{tag}>"
            for i, cell in enumerate(row)
        )

    head = f"<thead><tr>{cells(block.columns, 'th')}</tr></thead>"
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in block.rows)
    return (
        f'<div class="card">{_caption(block.title, block.caption)}'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(block.title)}">'
        f"<table>{head}<tbody>{body}</tbody></table></div></div>"
    )


@_render.register
def _(block: Findings) -> str:
    entries = "".join(
        f'<li id="{block.anchor(index)}" class="{finding.status}">{_finding(step, finding)}</li>'
        for index, (step, finding) in enumerate(block.entries)
    )
    where = (
        f' Each is marked on <a href="#{_slug(block.curves)}">the curves</a> where it began.'
        if entries
        else ""
    )
    unknown = "".join(
        f"<div><dt>{escape(each.check.replace('_', ' '))}</dt>"
        f"<dd>{escape(each.evidence)}</dd></div>"
        for each in block.not_run
    )
    return (
        f'<div class="card findings"><div class="caption"><h3>{escape(block.title)}</h3>'
        f"<p>At the end: {escape(block.verdict)}.{where}</p></div>"
        f"{f'<ol>{entries}</ol>' if entries else ''}"
        + (f"<h4>Not checked</h4><dl>{unknown}</dl>" if unknown else "")
        + "</div>"
    )


def _finding(step: int, finding: Finding) -> str:
    since = "" if finding.since is None else f"since step {finding.since:,}, "
    source = f" ({finding.source})" if finding.source else ""
    told = {
        "seen": finding.evidence,
        "limit": finding.threshold,
        "meaning": f"{finding.meaning}{source}" if finding.meaning else "",
        "try": finding.try_next,
    }
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in told.items() if text
    )
    return (
        f"<h4><span>{finding.status}</span> {escape(finding.check.replace('_', ' '))} "
        f"<small>{since}found at step {step:,}</small></h4><dl>{facts}</dl>"
    )


@_render.register
def _(block: Code) -> str:
    text = (
        f'<div class="code"><pre tabindex="0"><code>{escape(block.text)}</code></pre>'
        '<button type="button" class="copy">Copy</button></div>'
    )
    if block.folded:
        return f'<details class="card"><summary>{escape(block.title)}</summary>{text}</details>'
    return f'<div class="card"><h3>{escape(block.title)}</h3>{text}</div>'


@_render.register
def _(block: Image) -> str:
    return (
        f'<figure class="card">{_caption(block.title, block.caption, "figcaption")}'
        f"{_image(block.picture)}</figure>"
    )


@_render.register
def _(block: Sheets) -> str:
    pictures = "".join(
        _image(picture, hidden=i != block.start) for i, picture in enumerate(block.pictures)
    )
    last = len(block.pictures) - 1
    labels = escape(json.dumps(block.labels))
    return (
        f'<figure class="card sheets">{_caption(block.title, block.caption, "figcaption")}'
        f'<div class="stack">{pictures}</div><div class="slide">'
        f'<button type="button" class="play" aria-label="Play">▶</button>'
        f'<input type="range" min="0" max="{last}" value="{block.start}" step="1" '
        f'aria-label="{escape(block.title)}" data-labels="{labels}">'
        f"<output>{escape(block.labels[block.start])}</output></div></figure>"
    )


@_render.register
def _(block: Gallery) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in block.heads)
    groups = "".join(
        f"<div><h4>{escape(name)}</h4><table><thead><tr>{heads}</tr></thead>"
        f"<tbody>{''.join(map(_gallery_row, rows))}</tbody></table></div>"
        for name, rows in block.groups
    )
    return (
        f'<figure class="card gallery">{_caption(block.title, block.caption, "figcaption")}'
        f'<div class="groups">{groups}</div></figure>'
    )


def _gallery_row(row: tuple[Captioned, ...]) -> str:
    cells = (f"<td>{_image(each.picture)}<small>{escape(each.note)}</small></td>" for each in row)
    return f"<tr>{''.join(cells)}</tr>"


@_render.register(Lines)
@_render.register(Histogram)
@_render.register(Layers)
@_render.register(Scatter)
def _(block: Lines | Histogram | Layers | Scatter) -> str:
    small = " small" if isinstance(block, Histogram) and block.small else ""
    kind = f"chart {type(block).__name__.lower()}{small}"
    # Within a script element only its end is markup.
    data = json.dumps(_plain(block), separators=(",", ":"), ensure_ascii=False)
    data = data.replace("<", "\\u003c")
    label = f"{block.title}: {block.y} over {block.x}"
    return (
        f'<figure class="card {kind}">'
        f"{_caption(block.title, block.caption, 'figcaption')}"
        f'<div class="plot" data-label="{escape(label)}"></div>'
        f'<script type="application/json">{data}</script></figure>'
    )


@_render.register
def _(block: Missing) -> str:
    return (
        f'<div class="card missing"><h3>{escape(block.what)}</h3>'
        f"<p>Not here: {escape(block.why)}</p></div>"
    )


def _caption(title: str, caption: str, tag: str = "div") -> str:
    text = f"<p>{escape(caption)}</p>" if caption else ""
    return f'<{tag} class="caption"><h3>{escape(title)}</h3>{text}</{tag}>'


def _image(picture: Picture, *, hidden: bool = False) -> str:
    pixelated = ' class="pixelated"' if picture.pixelated else ""
    return (
        f'<img{pixelated} src="{_uri(picture)}" width="{picture.width}" height="{picture.height}" '
        f'alt="{escape(picture.alt)}"{" hidden" if hidden else ""}>'
    )


def _uri(picture: Picture) -> str:
    return f"data:{picture.media};base64,{base64.b64encode(picture.data).decode('ascii')}"


def _plain(part: Any) -> Any:
    """A figure as JSON for the script; pictures as data URIs."""
    if isinstance(part, Picture):
        return _uri(part)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        fields = {f.name: _plain(getattr(part, f.name)) for f in dataclasses.fields(part)}
        return {"is": type(part).__name__, **fields}
    return [_plain(each) for each in part] if isinstance(part, tuple) else part


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "section"
