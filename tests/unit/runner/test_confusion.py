"""What is taken for what, in numbers and as a picture."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import torch
from PIL import Image, ImageFont

from archcompiler.runner.report import lettering
from archcompiler.runner.report.confusion import Confusion, draw_confusion


def _ink(image: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return min(np.asarray(image.crop(box)).min(axis=(0, 1))) < 128


def test_counts_are_numpys() -> None:
    random = np.random.default_rng(0)
    labels, answers = random.integers(0, 7, (2, 500))
    found = Confusion(7)
    for part in np.array_split(np.arange(500), 6):
        found.add(torch.from_numpy(labels[part]), torch.from_numpy(answers[part]))
    table = np.zeros((7, 7), int)
    np.add.at(table, (labels, answers), 1)
    assert np.array_equal(found.table(7), table)
    assert found.rows() == [[*pair, table[tuple(pair)]] for pair in np.argwhere(table).tolist()]
    halves = np.add.reduceat(np.add.reduceat(table, [0, 4], axis=0), [0, 4], axis=1)
    assert np.array_equal(found.table(2), halves)


def test_many_classes_take_the_room_of_what_occurs() -> None:
    labels = torch.arange(10_000)
    tracemalloc.start()
    found = Confusion(10_000)
    found.add(labels, labels)
    image = draw_confusion(found, [str(i) for i in range(10_000)], "all of them right")
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(image.size) < 2000
    assert most < 400e6  # a table of all pairs would have 800 MB


@pytest.mark.parametrize("classes", [1, 2, 10, 31, 800])
def test_a_picture_is_as_wide_as_its_words(classes: int) -> None:
    title = "a network of a long name: 12.34% of 1,234 validation images right"
    image = draw_confusion(Confusion(classes), [f"class {i}" for i in range(classes)], title)
    width, height = image.size
    # There is something of the title and of the caption, and nothing at the edges.
    assert _ink(image, (30, 20, width - 30, 60))
    assert _ink(image, (30, height - 45, width - 30, height - 15))
    for edge in ((0, 0, 18, height), (width - 18, 0, width, height)):
        assert not _ink(image, edge)


def test_there_is_room_for_the_longest_name() -> None:
    names = ["a", "a class whose name is longer than that of any other one"]
    image = draw_confusion(Confusion(2), names, "two")
    table = image.crop((0, 60, image.width, image.height - 60))
    assert not _ink(table, (0, 0, 18, table.height))
    assert not _ink(table, (0, 0, table.width, 1))


def test_names_are_drawn_with_the_glyphs_or_by_their_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lettering.written("cat", lettering.lettering(20, ["cat"])) == "cat"
    # As on a system without a font that knows more than Pillow's own.
    monkeypatch.setattr(lettering, "_SYSTEM", ())
    font = lettering.lettering(20, ["é", "中"])
    assert lettering.written("é中 a", font) == r"\xe9\u4e2d a"
    assert lettering.written("a\nb\udcff", font) == r"a\nb\udcff"  # what is no character at all
    names = ["é", "中"]
    image = draw_confusion(Confusion(2), names, "über")
    assert image.size == draw_confusion(Confusion(2), [r"\xe9", r"\u4e2d"], r"\xfcber").size


def test_a_font_of_the_system_is_taken_where_it_has_the_glyphs() -> None:
    try:
        ImageFont.truetype("DejaVuSans.ttf", 20)
    except OSError:
        pytest.skip("there is no DejaVu Sans")
    assert lettering.written("éßЖΩ", lettering.lettering(20, ["éßЖΩ"])) == "éßЖΩ"


def test_a_class_that_is_never_answered_is_a_column_too() -> None:
    found = Confusion(3)
    found.add(torch.tensor([0, 1, 2]), torch.tensor([0, 0, 0]))
    pixels = np.asarray(draw_confusion(found, ["a", "b", "c"], "one answer"))
    columns = (pixels == 222).all(-1).sum(0)
    # A line on the left and one at the right of each of three columns, as high as three cells.
    assert (columns > 2 * 56).sum() == 4
