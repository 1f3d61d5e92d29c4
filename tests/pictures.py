"""Pictures that tests write to disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def picture(mode: str = "RGB", size: tuple[int, int] = (20, 20), seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (*size[::-1], 3), np.uint8)).convert(mode)


def mixed_folder(root: Path) -> Path:
    """A folder as people have them: eight pictures of many kinds, and what is none."""
    (root / "deep" / "deeper").mkdir(parents=True)
    picture().save(root / "plain.png")
    picture().save(root / "deep" / "photo.jpg")
    picture("P").save(root / "palette.png")
    ramp = np.linspace(0, 65535, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(ramp).save(root / "sixteen.png")
    picture("CMYK").save(root / "cmyk.jpg")
    frames = [picture(seed=seed) for seed in range(3)]
    frames[0].save(root / "moving.gif", save_all=True, append_images=frames[1:])
    picture("RGBA").save(root / "deep" / "deeper" / "clear.png")
    picture("1").save(root / "bilevel.tif")
    whole = (root / "plain.png").read_bytes()
    (root / "truncated.png").write_bytes(whole[: len(whole) // 2])
    (root / "text.png").write_text("this is no picture")
    (root / "empty.jpg").write_bytes(b"")
    (root / "notes.txt").write_text("about these pictures")
    (root / "deep" / "loop").symlink_to(root, target_is_directory=True)
    (root / "dangling.png").symlink_to(root / "nowhere.png")
    return root
