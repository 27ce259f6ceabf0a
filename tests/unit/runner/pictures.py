"""Small images, and what PIL makes of them."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageOps
from torch import Tensor

from archcompiler.runner.data.augment import Normaliser
from archcompiler.runner.data.draws import Draws
from archcompiler.runner.data.operations import Operation
from archcompiler.runner.data.order import Samples

CPU = torch.device("cpu")
PLAIN = Normaliser.of((0.0,) * 3, (1 / 255,) * 3, CPU)
"""Leaves the levels as they are."""


def draws(count: int, seed: int = 1) -> Draws:
    return Draws(seed, Samples(torch.zeros(count, dtype=torch.long), torch.arange(count)))


def pictures(channels: int, size: tuple[int, int], seed: int = 0) -> Tensor:
    """(6, C, H, W): noise, noise of few levels, a slope, and images of one level and of two."""
    random = np.random.default_rng(seed)
    noise = random.integers(0, 256, (2, channels, *size))
    narrow = random.integers(90, 140, (1, channels, *size))
    slope = np.linspace(20, 230, channels * size[0] * size[1]).reshape(1, channels, *size)
    flat = np.full((1, channels, *size), 77)
    two = random.choice([3, 200], (1, channels, *size))
    return torch.from_numpy(np.concatenate([noise, narrow, slope, flat, two]).astype(np.uint8))


def as_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(image.permute(1, 2, 0).squeeze(-1).numpy())


def as_tensor(image: Image.Image) -> Tensor:
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def by_pil(image: Image.Image, operation: Operation, magnitude: int, sign: int) -> Image.Image:
    """RandAugment's operation as torchvision has it for PIL images, at a magnitude of 30."""
    part, (width, height) = magnitude / 30, image.size
    factor = 1 + sign * 0.9 * part

    def moved(*matrix: float) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix)

    match operation.name:
        case "identity":
            return image
        case "autocontrast":
            return ImageOps.autocontrast(image)
        case "equalize":
            return ImageOps.equalize(image)
        case "rotate":
            return image.rotate(sign * 30 * part)
        case "solarize":
            return ImageOps.solarize(image, 255 * (30 - magnitude) / 30)  # type: ignore[arg-type]
        case "color":
            return ImageEnhance.Color(image).enhance(factor)
        case "posterize":
            return ImageOps.posterize(image, 8 - round(magnitude / (30 / 4)))
        case "contrast":
            return ImageEnhance.Contrast(image).enhance(factor)
        case "brightness":
            return ImageEnhance.Brightness(image).enhance(factor)
        case "sharpness":
            return ImageEnhance.Sharpness(image).enhance(factor)
        case "shear_x":
            return moved(1, sign * 0.3 * part, 0, 0, 1, 0)
        case "shear_y":
            return moved(1, 0, 0, sign * 0.3 * part, 1, 0)
        case "translate_x":
            return moved(1, 0, sign * int(150 / 331 * width * part), 0, 1, 0)
        case "translate_y":
            return moved(1, 0, 0, 0, 1, sign * int(150 / 331 * height * part))
    raise AssertionError(operation.name)
