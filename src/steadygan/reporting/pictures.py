"""Pictures of a report: encoded, small, and laid side by side."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np

from steadygan.reporting.document import Picture, Sprite

_LARGE = 200_000  # bytes of a sheet that is encoded anew
_THUMBNAIL = 28  # pixels of the side of a picture in a sprite, at most
_GAP = 2  # pixels between the pictures of a strip, before they are enlarged


def is_picture(path: Path) -> bool:
    """Whether a file holds a whole picture; one of a run that was killed may not."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError):
        return False
    return True


def from_file(path: Path, alt: str) -> Picture:
    """A picture of a run as it lies there; photographs, which PNG keeps badly, as JPEG."""
    from PIL import Image

    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        if len(data) <= _LARGE:
            return Picture(data, "image/png", *image.size, alt)
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "JPEG", quality=90)
        return Picture(buffer.getvalue(), "image/jpeg", *image.size, alt)


def encoded(pixels: np.ndarray, alt: str) -> Picture:
    """A PNG of ``(height, width, channels)`` uint8, to be enlarged without smoothing."""
    from PIL import Image

    modes = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
    height, width, channels = pixels.shape
    image = Image.frombytes(modes[channels], (width, height), pixels.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return Picture(buffer.getvalue(), "image/png", *image.size, alt, pixelated=True)


def strip(images: np.ndarray, columns: int, alt: str) -> Picture:
    """``(n, height, width, channels)`` uint8 in rows of ``columns``, nothing between them."""
    if images.shape[-1] in (1, 3):
        opaque = np.full((*images.shape[:-1], 1), 255, np.uint8)
        images = np.concatenate([images, opaque], axis=-1)
    n, height, width, channels = images.shape
    rows = math.ceil(n / columns)
    pitch = height + _GAP, width + _GAP
    canvas = np.zeros((rows * pitch[0] - _GAP, columns * pitch[1] - _GAP, channels), np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * pitch[0], index % columns * pitch[1]
        canvas[top : top + height, left : left + width] = image
    return encoded(canvas, alt)


def sprite(images: np.ndarray) -> Sprite:
    """Every image small, in one picture: shown one at a time, where a point is pointed at."""
    from PIL import Image

    side = min(_THUMBNAIL, images.shape[1])
    columns = 32
    rows = math.ceil(len(images) / columns)
    grey = images.shape[-1] == 1
    canvas = Image.new("L" if grey else "RGB", (columns * side, rows * side), "white")
    for index, pixels in enumerate(images):
        small = Image.fromarray(pixels[..., 0] if grey else pixels).convert("L" if grey else "RGB")
        if side < images.shape[1]:
            small = small.resize((side, side), Image.Resampling.BOX)
        canvas.paste(small, (index % columns * side, index // columns * side))
    buffer = io.BytesIO()
    if grey:
        canvas.save(buffer, "PNG", optimize=True)
    else:
        canvas.save(buffer, "JPEG", quality=85)
    media = "image/png" if grey else "image/jpeg"
    picture = Picture(buffer.getvalue(), media, *canvas.size, "", pixelated=True)
    return Sprite(picture, side, columns)
