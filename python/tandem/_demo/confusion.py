"""A picture of what was taken for what: a table of shares, darker where they are larger, with an image of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

CELL, NAMES, PICTURE, EDGE = 56, 96, 56, 16  # sizes in pixels
_PAPER, _INK, _RIGHT, _WRONG = (255, 255, 255), (32, 32, 32), (33, 113, 181), (203, 24, 29)


def draw(counts: np.ndarray, kinds: Sequence[str], examples: np.ndarray, title: str, path: Path) -> Path:
    """Write the picture to a file.

    counts: of images by what they show (rows) and what they were taken for (columns). examples: uint8, one image of
    each kind.
    """
    from PIL import Image, ImageDraw, ImageFont

    count, head = len(kinds), 3 * EDGE
    left, top = EDGE + NAMES + PICTURE, head + PICTURE + 2 * EDGE
    picture = Image.new("RGB", (left + count * CELL + EDGE, top + count * CELL + EDGE), _PAPER)
    pen = ImageDraw.Draw(picture)
    large, small, tiny = (ImageFont.load_default(size) for size in (17, 13, 10))
    pen.text((EDGE, EDGE), title, _INK, large)
    pen.text((EDGE, top - 1.5 * EDGE), "shown  \\  taken for", _INK, tiny)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for k, kind in enumerate(kinds):
        # Clothes are white on black; on paper they look better the other way round.
        shown = Image.fromarray(255 - examples[k]).resize((PICTURE - 8, PICTURE - 8))
        x, y = left + k * CELL, top + k * CELL
        picture.paste(shown, (x + 4, head + 4))
        picture.paste(shown, (left - PICTURE + 4, y + 4))
        pen.text((x + CELL / 2, top - EDGE), kind, _INK, tiny, anchor="mm")
        pen.text((left - PICTURE - 6, y + CELL / 2), kind, _INK, small, anchor="rm")
        for other, share in enumerate(shares[k]):
            # Errors are few: the root makes them visible.
            colour = _mixed(_RIGHT if other == k else _WRONG, float(np.sqrt(share)))
            x = left + other * CELL
            pen.rectangle((x, y, x + CELL - 2, y + CELL - 2), colour)
            if counts[k, other]:
                ink = _PAPER if share > 0.3 else _INK
                text = f"{share:.1%}" if share < 0.1 else f"{share:.0%}"
                pen.text((x + CELL / 2 - 1, y + CELL / 2 - 1), text, ink, small, anchor="mm")
    picture.save(path)
    return path


def _mixed(colour: tuple[int, int, int], part: float) -> tuple[int, int, int]:
    red, green, blue = (round(p + (c - p) * part) for c, p in zip(colour, (245, 245, 245), strict=True))
    return red, green, blue
