"""Every clause of the merge rule in the docstring of `merge`."""

from typing import Any

import pytest

from archcompiler.config.located import Located, locate, merge
from archcompiler.diagnostics import CompileError, Source
from archcompiler.syntax import parse


def read(text: str, name: str = "base.toml") -> Located:
    document = parse(Source(name, text, "toml"))
    return locate(document.values, document)


def merged(base: str, over: str) -> Any:
    return merge(read(base), read(over, "over.toml")).plain()


def test_tables_merge_key_by_key_at_every_depth() -> None:
    base = "a = 1\n[mask]\nunits = 2\n[mask.pool]\nkernel = 3\nstride = 2"
    over = "b = 2\n[mask.pool]\nkernel = 5"
    assert merged(base, over) == {
        "a": 1,
        "b": 2,
        "mask": {"units": 2, "pool": {"kernel": 5, "stride": 2}},
    }


@pytest.mark.parametrize(
    ("over", "result"),
    [
        ('type = "resnext"', {"type": "resnext"}),
        ('type = "bottleneck"', {"type": "bottleneck", "groups": 4}),
        ("groups = 8", {"type": "bottleneck", "groups": 8}),
        ("reduction = 2", {"type": "bottleneck", "groups": 4, "reduction": 2}),
    ],
)
def test_a_table_of_another_type_replaces(over: str, result: dict[str, Any]) -> None:
    base = 'unit = { type = "bottleneck", groups = 4 }'
    assert merged(base, f"unit = {{ {over} }}") == {"unit": result}


@pytest.mark.parametrize(
    ("over", "result"),
    [
        ('op = "pool"', {"op": "pool"}),
        ('op = "conv"', {"op": "conv", "kernel": 3}),
        ("kernel = 5", {"op": "conv", "kernel": 5}),
        ('type = "se"', {"type": "se"}),
    ],
)
def test_a_table_of_another_operator_replaces(over: str, result: dict[str, Any]) -> None:
    assert merged('step = { op = "conv", kernel = 3 }', f"step = {{ {over} }}") == {"step": result}


def test_a_table_changes_entries_of_an_array() -> None:
    base = "[[stages]]\nchannels = 1\nstride = 2\n[[stages]]\nchannels = 2"
    over = "[stages.1]\nchannels = 3\n[stages.0]\nchannels = 4"
    assert merged(base, over) == {"stages": ({"channels": 4, "stride": 2}, {"channels": 3})}
    assert merged("input = [3, 32, 32]", "input = { 1 = 64 }") == {"input": (3, 64, 32)}


def test_a_table_changes_the_options_of_the_type_that_a_word_names() -> None:
    assert merged('unit = "resnext"', "unit.groups = 8") == {
        "unit": {"type": "resnext", "groups": 8}
    }
    assert merged('unit = "resnext"', 'unit.type = "inception"') == {"unit": {"type": "inception"}}


@pytest.mark.parametrize(
    ("base", "over"),
    [("1", "2"), ("[1, 2]", "[3]"), ("{ b = 1 }", "2"), ("1", "{ b = 1 }"), ('"x"', "[1]")],
)
def test_anything_else_replaces(base: str, over: str) -> None:
    assert merged(f"a = {base}", f"a = {over}") == read(f"a = {over}").plain()


def test_every_entry_that_is_not_there_is_reported() -> None:
    over = "[stages]\n0 = {}\n2 = {}\n-1 = {}\n00 = {}\nlast = {}"
    with pytest.raises(CompileError) as caught:
        merged("[[stages]]\n[[stages]]", over)
    found = [(d.code, d.span.text) for d in caught.value.diagnostics if d.span]
    assert found == [("E210", "2"), ("E210", "-1"), ("E210", "00"), ("E210", "last")]


def test_values_keep_the_place_where_they_were_written() -> None:
    both = merge(
        read("[head]\nbias = true\nnorm = true"), read("[head]\nbias = false", "over.toml")
    )
    head = both.child("head")
    assert head is not None
    places = {key: child.span().source.name for key, child in head.value.items()}
    assert places == {"bias": "over.toml", "norm": "base.toml"}


def test_neither_layer_is_changed() -> None:
    base, over = read("a = { b = 1 }"), read("a = { c = 2 }")
    merge(base, over)
    assert (base.plain(), over.plain()) == ({"a": {"b": 1}}, {"a": {"c": 2}})


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("head", "bias"), "true"),
        (("head", "norm"), "[head]"),
        (("head", "norm", "eps"), "[head]"),
        (("head",), "[head]"),
    ],
)
def test_a_default_is_placed_where_it_would_be_written(path: tuple[str, ...], text: str) -> None:
    assert read("[head]\nbias = true").nearest(path).text == text


def test_child_of_a_table_and_of_an_array() -> None:
    values = read("a = [1, 2]")
    entries = values.child("a")
    assert entries is not None
    assert [step for step in (0, 1, 2, -1, "0") if entries.child(step)] == [0, 1]
