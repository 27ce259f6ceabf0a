"""Shapes of maps in one, two and three dimensions."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from archcompiler.ir import TensorType


@pytest.mark.parametrize(
    ("size", "pixels", "words"), [((5,), 5, "5"), ((4, 5), 20, "4×5"), ((2, 4, 5), 40, "2×4×5")]
)
def test_a_map_of_any_dimensions(size: tuple[int, ...], pixels: int, words: str) -> None:
    x = TensorType(3, *size)
    assert (x.dims, x.pixels, x.numel, x.empty) == (len(size), pixels, 3 * pixels, False)
    assert x.pixel_words == words
    assert str(x) == f"3×{words}"
    assert x.filled(7, 1) == TensorType(7, *(1,) * len(size))
    assert x.exhausted.empty
    assert x.exhausted.dims == x.dims
    assert TensorType(3, *size[:-1], 0).empty


def test_equal_shapes_are_one_key() -> None:
    assert {TensorType(3, 4, 5): 1}[TensorType(3, 4, 5)] == 1
    assert TensorType(3, 4, 5) != TensorType(3, 5, 4)
    assert TensorType(3, 4) != TensorType(3, 4, 1)


def test_a_shape_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        TensorType(3, 4, 5).channels = 4  # type: ignore[misc]
