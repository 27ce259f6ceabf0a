"""What a recipe says of augmentation.

The strings below the fields are what the diagnostics and the documentation say about them.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from archcompiler.config.base import Model
from archcompiler.runner.recipe.numbers import Amount, Probability


class ColourJitter(Model):
    """Random changes of colour, in a random order for each image, as torchvision's `ColorJitter`
    makes them of PIL images. A strength s draws a factor between 1 - s and 1 + s.
    """

    brightness: Probability = 0.0
    """Strength of the factor that an image is multiplied with."""
    contrast: Probability = 0.0
    """Strength of the factor that its distance from its mean grey is multiplied with."""
    saturation: Probability = 0.0
    """Strength of the factor that its distance from its own greys is multiplied with."""

    @property
    def active(self) -> bool:
        return max(self.brightness, self.contrast, self.saturation) > 0


class RandAugment(Model):
    """Operations drawn at random for each image (Cubuk et al. 2020), on torchvision's scale."""

    layers: Annotated[int, Field(ge=0, le=16)] = 0
    """Operations one after another, each drawn from 14; 0 is off."""
    magnitude: Annotated[int, Field(ge=0, le=30)] = 9
    """Strength of all of them, of 30: 9 degrees of rotation, or 27 % more or less contrast."""


class Augment(Model):
    """What is done to training images, on the device. Everything is off by default."""

    flip: bool = False
    """Mirror every other image."""
    crop_padding: Annotated[int, Field(ge=0, le=1024)] = 0
    """Pad with this many black pixels on every side and crop at random to the old size."""
    randaugment: RandAugment = RandAugment.model_construct()
    """Operations drawn at random, such as rotation and contrast."""
    colour: ColourJitter = ColourJitter.model_construct()
    """Random brightness, contrast and saturation."""
    lighting: Amount = 0.0
    """Standard deviation of the noise along the principal axes of ImageNet's colours (Krizhevsky et
    al. 2012, section 4.1, where it is 0.1); 0 is off."""
    cutout: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Side of a square that is set to the mean colour, around any pixel."""
    erase: Probability = 0.0
    """Probability that a box of 2 to 33 % of an image is set to the mean colour (random erasing,
    Zhong et al. 2020)."""
    mixup: Amount = 0.0
    """Both parameters of the Beta distribution that blends two images; 0 is off."""
    cutmix: Amount = 0.0
    """The same for pasting a box of another image; with `mixup`, each has half of the images."""
    label_noise: Probability = 0.0
    """Probability that a training label is wrong, uniformly over the other classes; drawn once for
    the run. The rates of section 4.1 of the paper, whose matrix has 1 - rate on its diagonal."""
