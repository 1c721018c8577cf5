"""Remove the noise from a photograph: total-variation denoising by projected dual ascent (A. Chambolle, 2004).

Of all images near the noisy one it finds one that varies little, which smooths noise and keeps edges. `px` and `py` are
the dual variables, one vector for each pixel and colour; each step moves them along the gradient of the image they
stand for and shrinks them. The loop runs until the image moves by less than a tolerance.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tandem as td

NOISE, STRENGTH, TOLERANCE = 0.1, 0.13, 0.002  # of the range 0 to 1


@td.script
def denoise(noisy: Any, strength: float, tolerance: float) -> Any:
    """Return the denoised image and the number of steps taken."""
    px, py = td.zeros_like(noisy), td.zeros_like(noisy)
    image, change, steps = noisy, td.asarray(1.0, dtype=td.float32), 0
    rate = 0.25 / strength
    while change > tolerance:  # a condition on a tensor: the loop is compiled, not unrolled
        gx, gy = td.zeros_like(noisy), td.zeros_like(noisy)
        gx[:, :, :-1] = image[:, :, 1:] - image[:, :, :-1]
        gy[:, :-1] = image[:, 1:] - image[:, :-1]
        shrink = 1 + rate * td.sqrt(td.sum(gx * gx + gy * gy, axis=0))
        px = (px + rate * gx) / shrink
        py = (py + rate * gy) / shrink
        flow = px + py
        flow[:, :, 1:] -= px[:, :, :-1]
        flow[:, 1:] -= py[:, :-1]
        update = noisy + strength * flow
        change = td.max(td.abs(update - image))
        image, steps = update, steps + 1
    return image, steps


def denoise_numpy(noisy: np.ndarray, strength: float, tolerance: float) -> tuple[np.ndarray, int]:
    px, py = np.zeros_like(noisy), np.zeros_like(noisy)
    image, change, steps = noisy, np.float32(1.0), 0
    rate = 0.25 / strength
    while change > tolerance:
        gx, gy = np.zeros_like(noisy), np.zeros_like(noisy)
        gx[:, :, :-1] = image[:, :, 1:] - image[:, :, :-1]
        gy[:, :-1] = image[:, 1:] - image[:, :-1]
        shrink = 1 + rate * np.sqrt(np.sum(gx * gx + gy * gy, axis=0))
        px = (px + rate * gx) / shrink
        py = (py + rate * gy) / shrink
        flow = px + py
        flow[:, :, 1:] -= px[:, :, :-1]
        flow[:, 1:] -= py[:, :-1]
        update = noisy + strength * flow
        change = np.max(np.abs(update - image))
        image, steps = update, steps + 1
    return image, steps


def load(name: str, quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return one of scikit-learn's photographs and the same with noise: float32, colours first, 0 to 1."""
    from sklearn.datasets import load_sample_image

    pixels = load_sample_image(f"{name}.jpg")
    if quick:
        pixels = pixels[120:280, 200:440]
    clean = np.ascontiguousarray(pixels.transpose(2, 0, 1).astype(np.float32) / 255)
    noise = np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32)
    return clean, np.clip(clean + np.float32(NOISE) * noise, 0, 1)


def psnr(image: np.ndarray, clean: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    return float(-10 * np.log10(np.mean((np.clip(image, 0, 1) - clean) ** 2)))


def save(image: np.ndarray, path: Path) -> Path:
    from PIL import Image

    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).save(path)
    return path


def digest(image: Any, steps: Any) -> str:
    """Name a result: equal names, equal bits."""
    return f"{int(steps)} steps, {hashlib.sha256(np.asarray(image).tobytes()).hexdigest()[:16]}"


def main(path: str) -> None:
    """Denoise the array in a file and print the name of the result and how much was captured to get it."""
    noisy = td.asarray(np.load(path))
    print(digest(*denoise(noisy, STRENGTH, TOLERANCE)), denoise.stats()["captures"], sep="\n")


if __name__ == "__main__":
    main(sys.argv[1])
