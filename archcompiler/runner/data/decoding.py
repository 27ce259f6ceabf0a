"""An image file of any mode to colours of eight bits, in no format but those that are meant."""

from __future__ import annotations

import os
import stat
import warnings
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, UnidentifiedImageError

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""As Pillow calls them. It knows others that start programs, as PostScript does."""
SUFFIXES = (
    ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
)  # fmt: skip

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What brings an image of an EXIF orientation upright."""
_TURNS_BACK = _TURNS | {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
_BITS_PER_SAMPLE, _PHOTOMETRIC = 258, 262
"""Tags of a TIFF."""


class Unreadable(Exception):
    """Why a file cannot be had as an image."""


def read_image(path: str | os.PathLike[str], *, orient: bool = True) -> Image.Image:
    """The image in a file as RGB of eight bits, upright unless `orient` is off; of several frames
    the first.

    Wider ranges are scaled to 0 to 255, and what is transparent is over white. Raises Unreadable.
    """
    try:
        # What Pillow warns of is either read or refused here, and a worker has nobody to tell.
        with warnings.catch_warnings(), os.fdopen(_regular(path), "rb") as file:
            warnings.simplefilter("ignore")
            return _read(file, orient)
    except (MemoryError, Unreadable):
        raise
    except UnidentifiedImageError:
        raise Unreadable(f"it is none of {', '.join(FORMATS)}") from None
    except OSError as exc:
        raise Unreadable((exc.strerror or str(exc)).splitlines()[0].lower()) from None
    except Exception as exc:  # a decoder raises whatever the bytes make it raise
        reason = (str(exc) or type(exc).__name__).splitlines()[0]
        raise Unreadable(reason) from None


def _regular(path: str | os.PathLike[str]) -> int:
    """A descriptor of the file: no FIFO is waited for, and no device read."""
    number = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise Unreadable("it is not a regular file")
    return number


def _read(file: IO[bytes], orient: bool) -> Image.Image:
    with Image.open(file, formats=FORMATS) as image:
        # Pillow turns a TIFF when it is loaded, and forgets its orientation.
        turned = _orientation(image) if image.format == "TIFF" else 1
        image.load()
        colours = _colours(image)
        turn = _TURNS.get(_orientation(image)) if orient else _TURNS_BACK.get(turned)
    return colours if turn is None else colours.transpose(turn)


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1, upright, where there is none that can be read."""
    try:
        found = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # as above; the pixels are whole
        return 1
    return found if isinstance(found, int) else 1


def _colours(image: Image.Image) -> Image.Image:
    match image.mode:
        case "I;16" | "I;16L" | "I;16B" | "I;16N":
            return _grey(_over_white(image, _whole_numbers(image)))
        case "I" if image.format in ("PNG", "PPM"):
            # Sixteen bits, in the only mode that some versions have for them.
            return _grey(_over_white(image, np.asarray(image, np.float64) / 65_535))
        case "I":
            raise Unreadable("whole numbers of 32 bits or with a sign have no range to scale from")
        case "F":
            return _grey(_numbers(image))
        case _ if image.has_transparency_data:
            whole = image.convert("RGBA")
            return Image.alpha_composite(Image.new("RGBA", whole.size, "white"), whole).convert(
                "RGB"
            )
    return image.convert("RGB")


def _over_white(image: Image.Image, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Where a PNG says that a grey value stands for nothing."""
    nothing = image.info.get("transparency")
    if not isinstance(nothing, int):
        return shares
    return np.where(np.asarray(image) == nothing, 1.0, shares)


def _whole_numbers(image: Image.Image) -> npt.NDArray[np.float64]:
    """Grey values of sixteen bits, or of twelve in some TIFFs, as shares of the largest."""
    values = np.asarray(image).astype(np.float64)
    bits: int = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))[0]
    largest = 2**bits - 1
    return _dark_is_low(image, values / largest)


def _numbers(image: Image.Image) -> npt.NDArray[np.float64]:
    """Floating-point values, which are between 0 and 1 by convention. Raises Unreadable."""
    values = np.asarray(image, np.float64)
    low, high = float(values.min()), float(values.max())
    # Not the other way round: one that is no number must be refused as well.
    if not (low >= 0 and high <= 1):
        raise Unreadable(
            f"its floating-point values must be between 0 and 1, and are from {low:g} to {high:g}"
        )
    return _dark_is_low(image, values)


def _dark_is_low(image: Image.Image, shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Turned over where a TIFF says that white is 0: Pillow does so for eight bits alone."""
    return 1 - shares if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0 else shares


def _grey(shares: npt.NDArray[np.float64]) -> Image.Image:
    return Image.fromarray((shares * 255).round().astype(np.uint8)).convert("RGB")
