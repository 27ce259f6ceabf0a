"""Image files of every mode, against what numpy and Pillow say the values are."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageOps

from archcompiler.runner.data.decoding import Unreadable, read_image

RAMP = np.array([[0, 300, 1000], [30_000, 65_000, 65_535]], np.uint16)


def _values(path: Path) -> npt.NDArray[np.int64]:
    """The red channel, of an image in which all are alike."""
    image = read_image(path)
    assert image.mode == "RGB"
    values = np.asarray(image, np.int64)
    assert (values == values[..., :1]).all()
    return values[..., 0]


def _png(path: Path, kind: int, depth: int, rows: list[bytes], width: int) -> None:
    """A PNG byte by byte: Pillow writes none of some kinds."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">2I5B", width, len(rows), depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    signature = b"\x89PNG\r\n\x1a\n"
    path.write_bytes(
        signature + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
def test_sixteen_bits_are_scaled(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"0.{suffix}"
    Image.fromarray(RAMP).save(path)
    assert _values(path).tolist() == np.rint(RAMP / 257).tolist()


def test_one_pixel_of_300_is_nearly_black(tmp_path: Path) -> None:
    _png(tmp_path / "0.png", 0, 16, [struct.pack(">H", 300)], 1)
    assert _values(tmp_path / "0.png").tolist() == [[1]]


def test_big_endian_tiffs_are_scaled(tmp_path: Path) -> None:
    Image.frombytes("I;16B", (3, 2), RAMP.astype(">u2").tobytes()).save(tmp_path / "0.tif")
    assert _values(tmp_path / "0.tif").tolist() == np.rint(RAMP / 257).tolist()


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_sixteen_bits_of_other_pngs_are_scaled(tmp_path: Path, kind: int, channels: int) -> None:
    row = np.repeat(RAMP[1][:, None], channels, 1)
    if channels in (2, 4):
        row[:, -1] = 65_535  # opaque
    _png(tmp_path / "0.png", kind, 16, [row.astype(">u2").tobytes()], 3)
    # Pillow cuts the lower byte off, which is within one of a rounding.
    assert np.abs(_values(tmp_path / "0.png")[0] - RAMP[1] / 257).max() <= 1


def test_a_grey_of_sixteen_bits_that_stands_for_nothing_is_white(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "0.png", transparency=1000)
    expected = np.rint(np.where(RAMP == 1000, 65_535, RAMP) / 257)
    assert _values(tmp_path / "0.png").tolist() == expected.tolist()


def _tiff(path: Path, data: bytes, width: int, *tags: tuple[int, int]) -> None:
    """One row of grey in a TIFF with given tags, little-endian."""
    entries = dict(((256, width), (257, 1), (259, 1), (277, 1), (278, 1), (279, len(data)), *tags))
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4
    table = b"".join(
        struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items())
    )
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + bytes(4) + data)


@pytest.mark.parametrize("white_is_zero", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_tiff_in_which_white_is_zero(tmp_path: Path, bits: int, white_is_zero: bool) -> None:
    row = RAMP[1] if bits == 16 else (RAMP[1] // 257).astype(np.uint8)
    photometric = 0 if white_is_zero else 1
    _tiff(tmp_path / "0.tif", row.tobytes(), 3, (258, bits), (262, photometric))
    shares = row / (2**bits - 1)
    expected = np.rint(255 * (1 - shares if white_is_zero else shares))
    assert _values(tmp_path / "0.tif").tolist() == [expected.tolist()]


def test_twelve_bits_of_a_tiff_have_their_own_range(tmp_path: Path) -> None:
    _tiff(tmp_path / "0.tif", bytes((0xFF, 0xF0, 0x00)), 2, (258, 12), (262, 1))
    assert _values(tmp_path / "0.tif").tolist() == [[255, 0]]


def test_floating_point_is_between_0_and_1(tmp_path: Path) -> None:
    values = np.array([[0, 0.25, 1]], np.float32)
    Image.fromarray(values).save(tmp_path / "0.tif")
    assert _values(tmp_path / "0.tif").tolist() == [[0, 64, 255]]
    for wrong in (1.5, -0.1, float("nan"), float("inf")):
        Image.fromarray(np.full((1, 1), wrong, np.float32)).save(tmp_path / "1.tif")
        with pytest.raises(Unreadable, match="must be between 0 and 1"):
            read_image(tmp_path / "1.tif")


def test_whole_numbers_without_a_range_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.full((1, 1), 70_000, np.int32)).save(tmp_path / "0.tif")
    with pytest.raises(Unreadable, match="no range to scale from"):
        read_image(tmp_path / "0.tif")


def test_black_and_white(tmp_path: Path) -> None:
    image = Image.new("1", (2, 1))
    image.putpixel((1, 0), 1)
    for suffix in ("png", "tif", "pbm", "bmp"):
        image.save(tmp_path / f"0.{suffix}")
        assert _values(tmp_path / f"0.{suffix}").tolist() == [[0, 255]]


@pytest.mark.parametrize("mode", ["LA", "RGBA", "PA", "P"])
def test_what_is_transparent_is_over_white(tmp_path: Path, mode: str) -> None:
    """A black figure that is only in the alpha, as icons are."""
    alpha = np.array([[0, 255, 128]], np.uint8)
    suffix = "tif" if mode == "PA" else "png"
    whole = Image.new("L", (3, 1))
    whole.putalpha(Image.fromarray(alpha))
    options: dict[str, Any] = {}
    if mode == "P":
        whole = Image.fromarray(np.array([[0, 1, 2]], np.uint8)).convert("P")
        whole.putpalette([0, 0, 0] * 3)
        options["transparency"] = alpha.tobytes()
    elif mode == "PA":
        whole = Image.new("PA", (3, 1))
        whole.putpalette([0, 0, 0])
        whole.putalpha(Image.fromarray(alpha))
    else:
        whole = whole.convert(mode)
    whole.save(tmp_path / f"0.{suffix}", **options)
    with Image.open(tmp_path / f"0.{suffix}") as image:
        assert image.mode == mode
    assert _values(tmp_path / f"0.{suffix}").tolist() == [[255, 0, 127]]


def test_a_transparent_colour_is_over_white(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 1), (9, 9, 9))
    image.putpixel((1, 0), (80, 80, 80))
    image.save(tmp_path / "0.png", transparency=(9, 9, 9))
    assert _values(tmp_path / "0.png").tolist() == [[255, 80]]


def test_inks_are_colours(tmp_path: Path) -> None:
    colours = Image.new("RGB", (8, 8), (200, 30, 60))
    for mode, suffix in (("CMYK", "tif"), ("CMYK", "jpg"), ("YCbCr", "jpg"), ("YCbCr", "tif")):
        colours.convert(mode).save(tmp_path / f"0.{suffix}")
        found = np.asarray(read_image(tmp_path / f"0.{suffix}"), int)[4, 4]
        assert np.abs(found - (200, 30, 60)).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
def test_an_image_is_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8], pixels[8:, 24:] = (250, 0, 0), (0, 0, 250)
    image = Image.fromarray(pixels)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"0.{suffix}"
    image.save(path, exif=exif)
    with Image.open(path) as opened:
        expected = ImageOps.exif_transpose(opened).convert("RGB")
    found = read_image(path)
    assert found.size == ((16, 32) if orientation > 4 else (32, 16))
    assert np.array_equal(np.asarray(found), np.asarray(expected))
    left = read_image(path, orient=False)
    assert left.size == (32, 16)
    if suffix in ("png", "tif"):  # others lose
        assert np.array_equal(np.asarray(left), pixels)


def test_an_exif_block_that_is_broken_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "0.jpg"
    Image.new("RGB", (2, 1)).save(path, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert read_image(path).size == (2, 1)


def test_only_the_formats_that_are_meant_are_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostScript would start Ghostscript, whatever the name of the file says."""
    import subprocess

    def start(*words: object, **_: object) -> None:
        pytest.fail(f"started {words}")

    monkeypatch.setattr(subprocess, "Popen", start)
    image = Image.new("RGB", (4, 4))
    path = tmp_path / "0.png"
    for kind in ("DDS", "EPS", "ICNS", "ICO", "PCX", "SGI", "TGA"):
        image.save(path, kind)
        with pytest.raises(Unreadable, match="it is none of BMP, GIF"):
            read_image(path)


def test_the_first_of_several_frames_is_read(tmp_path: Path) -> None:
    first, second = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    for name in ("0.gif", "0.tif", "0.webp", "0.png", "0.jpg"):
        options: dict[str, Any] = {"format": "MPO"} if name == "0.jpg" else {"lossless": True}
        first.save(tmp_path / name, save_all=True, append_images=[second], **options)
        assert np.asarray(read_image(tmp_path / name))[2, 2].tolist()[2] < 8


def test_files_that_are_none_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "0.jpg")
    (tmp_path / "1.jpg").symlink_to("/dev/zero")
    (tmp_path / "2.jpg").mkdir()
    for number in range(3):
        with pytest.raises(Unreadable, match="not a regular file"):
            read_image(tmp_path / f"{number}.jpg")
    with pytest.raises(Unreadable, match="no such file"):
        read_image(tmp_path / "3.jpg")


def test_a_bomb_is_refused_and_a_large_image_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (60, 60)).save(tmp_path / "0.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(Unreadable, match="3600 pixels"):
        read_image(tmp_path / "0.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2000)  # Pillow warns only
    assert read_image(tmp_path / "0.png").size == (60, 60)


def test_damaged_files_never_raise_anything_else(tmp_path: Path) -> None:
    """Two bytes of each file changed, at random places; and cut off."""
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (9, 7, 3), np.uint8))
    for suffix in ("bmp", "gif", "jpg", "png", "ppm", "tif", "webp"):
        image.save(tmp_path / f"0.{suffix}")
        whole = (tmp_path / f"0.{suffix}").read_bytes()
        damaged = tmp_path / f"1.{suffix}"
        for _ in range(60):
            content = bytearray(whole)
            for place in random.integers(0, min(len(content), 200), 2):
                content[place] = random.integers(256)
            damaged.write_bytes(content[: random.integers(4, len(content) + 1)])
            with suppress(Unreadable):
                assert read_image(damaged).mode == "RGB"
