import time

import pytest

from archcompiler.diagnostics.suggest import did_you_mean

KEYS = ["channels", "modules", "stages", "Trunk"]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("modlues", "modules"),
        ("module", "modules"),
        ("CHANNELS", "channels"),
        ("trunk", "Trunk"),
        ("colour", None),
        ("", None),
    ],
)
def test_closest_or_none(word: str, expected: str | None) -> None:
    assert did_you_mean(word, KEYS) == expected


def test_a_candidate_is_not_suggested_for_itself() -> None:
    assert did_you_mean("modules", [*KEYS, "module"]) is None


def test_no_candidates() -> None:
    assert did_you_mean("modules", []) is None


def test_takes_any_iterable_and_does_not_depend_on_its_order() -> None:
    assert did_you_mean("stag", iter(["stage", "stags"])) == did_you_mean(
        "stag", ["stags", "stage"]
    )


def test_a_huge_word_takes_no_time() -> None:
    start = time.perf_counter()
    assert did_you_mean("a" * 1_000_000, ["a" * 999_999]) is None
    assert time.perf_counter() - start < 1
