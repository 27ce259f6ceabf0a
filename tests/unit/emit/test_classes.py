"""One emitted class for each structure of a block, with the numbers as arguments."""

from __future__ import annotations

import ast
from typing import Any

import pytest
import torch
from shipped import ROOT
from tiny import tiny_spec

import archcompiler
from archcompiler.compiler import CompiledNetwork
from archcompiler.emit.load import load_module
from archcompiler.spec.names import HELPERS
from archcompiler.verify import verify

CONV = {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"}


def network(
    blocks: dict[str, dict[str, Any]], *units: Any, stem: int = 8, **changes: Any
) -> CompiledNetwork:
    """Two stages for each unit, the second with a stride."""
    stages = [
        {"channels": 8 * stride, "stride": stride, "unit": unit}
        for unit in units
        for stride in (1, 2)
    ]
    spec = {
        "name": "net",
        "input": [3, 33, 33],
        "classes": 4,
        "stem": {"type": "conv", "channels": stem},
        "stages": stages,
        "blocks": blocks,
    }
    return archcompiler.compile(spec | changes)


def arguments(network: CompiledNetwork) -> dict[str, list[str]]:
    """Constructor arguments of the classes that are printed of own blocks, without `self`."""
    tree = ast.parse(network.source)
    return {
        node.name: [a.arg for a in init.args.args[1:]]
        for node in tree.body
        if isinstance(node, ast.ClassDef) and "Own" in node.name
        for init in node.body
        if isinstance(init, ast.FunctionDef) and init.name == "__init__"
    }


def assert_sound(network: CompiledNetwork) -> None:
    """It is the graph, and what it computes is finite in training too."""
    proof = verify(network)
    assert proof.holds, str(proof)
    model = network.module()
    model(torch.randn(2, *network.spec.input)).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


UNIT = ["in_channels", "channels", "stride"]


@pytest.mark.parametrize(
    ("conv", "stride", "words"),
    [
        (CONV, 2, "sizes rounded up."),
        ({**CONV, "kernel": 2, "padding": 0}, 2, "sizes rounded down."),
        # Of 3n + 1 pixels it makes n, and of 3n + 2 one more.
        ({**CONV, "kernel": 2, "padding": 0}, 3, "sizes rounded."),
        # No use of it says how.
        (CONV, 1, "sizes rounded."),
    ],
)
def test_a_docstring_says_how_sizes_come_out(conv: dict[str, Any], stride: int, words: str) -> None:
    stages = [{"channels": 8, "stride": stride, "unit": "own"}]
    made = network({"own": {"steps": {"conv": conv}}}, stages=stages)
    tree = ast.parse(made.source)
    texts = {n.name: ast.get_docstring(n) for n in tree.body if isinstance(n, ast.ClassDef)}
    for name in ("Own", "Stage"):
        assert f"{texts[name]}".endswith(f"W / stride), {words}")


def test_words_make_classes_of_their_own() -> None:
    own = {
        "options": {"order": {"default": "conv_first", "choices": ["conv_first", "norm_first"]}},
        "steps": {
            "norm1": {"op": "norm", "when": "order == 'norm_first'"},
            "conv": CONV,
            "norm2": {"op": "norm", "when": "order == 'conv_first'"},
        },
    }
    both = network({"own": own}, "own", {"type": "own", "order": "norm_first"})
    assert arguments(both) == {"ConvFirstOwn": UNIT, "NormFirstOwn": UNIT}
    assert_sound(both)
    one = network({"own": own}, "own", {"type": "own", "order": "conv_first"})
    assert arguments(one) == {"Own": UNIT}


def test_what_is_in_a_slot_makes_a_class_of_its_own() -> None:
    own = {
        "options": {"gate": {"slot": "block", "default": "none"}},
        "steps": {
            "conv": CONV,
            "gate": {"op": "gate"},
            "mul": {"op": "mul", "from": ["conv", "gate"]},
        },
    }
    gates = [{"type": "se", "ratio": ratio} for ratio in (2, 4)]
    both = network({"own": own}, *({"type": "own", "gate": gate} for gate in gates))
    assert sorted(map(len, arguments(both).values())) == [3, 3]
    assert_sound(both)


def test_truth_values_make_classes_of_their_own() -> None:
    own = {
        "options": {"biased": False},
        "steps": {"conv": {**CONV, "bias": "biased"}, "norm": {"op": "norm", "when": "not biased"}},
    }
    both = network({"own": own}, "own", {"type": "own", "biased": True})
    assert len(arguments(both)) == 2
    assert all(found == UNIT for found in arguments(both).values())
    assert_sound(both)


OWN = {"options": {"flag": True}, "steps": {"conv": CONV, "end": {"op": "relu", "when": "flag"}}}
"""A block of two structures, which no word tells apart."""
WORD = {"options": {"act": {"slot": "block"}}, "steps": {"conv": CONV, "end": {"op": "act"}}}


def classes(network: CompiledNetwork) -> list[str]:
    tree = ast.parse(network.source)
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


@pytest.mark.parametrize(
    ("blocks", "units", "changes", "expected"),
    [
        (
            {"own": OWN, "own2": {"steps": {"conv": CONV}}},
            [{"type": "own", "flag": True}, {"type": "own", "flag": False}, "own2"],
            {},
            {"Own", "Own2", "Own3"},
        ),
        (
            {"own": WORD, "relu_own": {"steps": {"conv": CONV}}},
            [{"type": "own", "act": "relu"}, {"type": "own", "act": "elu"}, "relu_own"],
            {},
            {"ReluOwn", "ReluOwn2", "EluOwn"},
        ),
        (
            {"own": OWN},
            [{"type": "own", "flag": True}, {"type": "own", "flag": False}],
            {"name": "own2"},
            {"Own", "Own3", "Own2"},
        ),
    ],
)
def test_no_two_classes_have_one_name(
    blocks: dict[str, dict[str, Any]],
    units: list[Any],
    changes: dict[str, Any],
    expected: set[str],
) -> None:
    net = network(blocks, *units, **changes)
    found = classes(net)
    assert sorted(set(found)) == sorted(found)
    assert expected <= set(found)
    assert_sound(net)


def test_numbers_are_arguments_of_one_class() -> None:
    own = {
        "options": {"reduction": 2, "slope": 0.1},
        "let": {"width": "c / reduction"},
        "steps": {
            "down": {**CONV, "channels": "width"},
            "act": {"op": "leaky_relu", "slope": "slope"},
            "up": {"op": "conv", "channels": "c", "kernel": 1},
        },
    }
    three = network(
        {"own": own}, "own", {"type": "own", "reduction": 4}, {"type": "own", "slope": 0.3}
    )
    assert arguments(three) == {"Own": [*UNIT, "reduction", "slope"]}
    assert_sound(three)


def test_options_that_nothing_reads_are_no_arguments() -> None:
    inner = {"options": {"unread": 3}, "steps": {"conv": CONV}}
    own = {
        "options": {
            "spare": 1, "handed_on": 2, "decided": 3,
            "derived": {"type": "int", "default": "c / 4"},
        },
        "let": {"unused": "c / spare"},
        "steps": {
            "conv": {"op": "own_inner", "unread": "handed_on", "stride": "stride"},
            "norm": {"op": "norm", "when": "decided > 2"},
            "last": {"op": "conv", "channels": "c", "kernel": 1, "groups": "derived"},
        },
    }  # fmt: skip
    found = network({"own": own, "own_inner": inner}, "own", {"type": "own", "handed_on": 5})
    assert arguments(found) == {"OwnInner": UNIT[1:], "Own": UNIT}
    assert "unused" not in found.source
    assert_sound(found)


@pytest.mark.parametrize("let", [{}, {"step": "stride * 2 - 1"}], ids=["itself", "by a let"])
def test_a_truth_value_that_a_caller_computes_is_an_argument(let: dict[str, str]) -> None:
    inner = {
        "options": {"smaller": False},
        "steps": {"norm": {"op": "norm", "when": "smaller"}},
    }
    value = f"{'step' if let else 'stride'} > 1"
    own = {
        "let": let,
        "steps": {
            "inner": {"op": "own_inner", "smaller": value},
            "conv": CONV,
        },
    }
    found = network({"own": own, "own_inner": inner}, "own", unit="own")
    assert "smaller" in arguments(found)["OwnInner"]
    assert f"OwnInner(in_channels, {value})" in found.source
    assert_sound(found)


def test_a_default_that_is_computed_stays_a_condition() -> None:
    own = {
        "options": {"smaller": {"type": "bool", "default": "stride > 1"}},
        "steps": {
            "conv": CONV,
            "norm": {"op": "norm", "when": "smaller"},
        },
    }
    found = network({"own": own}, "own")
    assert arguments(found) == {"Own": UNIT}
    assert "if stride > 1:" in found.source
    assert_sound(found)


def test_a_mask_of_one_channel_stays_one() -> None:
    gate = {"steps": {"conv": {"op": "conv", "channels": 1, "kernel": 1}}}
    own = {
        "steps": {
            "conv1": CONV,
            "weights": {"op": "own_gate"},
            "conv2": {"op": "conv", "channels": "c", "kernel": 1},
            "mul": {"op": "mul", "from": ["conv1", "conv2"]},
        }
    }
    assert_sound(network({"own": own, "own_gate": gate}, "own"))


def test_what_stands_for_a_missing_step_may_be_wider() -> None:
    own = {
        "steps": {
            "widen": {"op": "conv", "channels": "c + cin", "kernel": 1, "when": "stride != 1"},
            "conv": CONV,
        }
    }
    assert_sound(network({"own": own}, "own"))


def test_parts_of_what_may_be_missing_are_taken_beside_it() -> None:
    may = {"when": "stride != 1"}
    own = {
        "steps": {
            "conv1": CONV,
            "mix": {"op": "conv", "channels": "c", "kernel": 1, **may},
            "left": {"op": "part", "index": 0, "of": 2, **may},
            "right": {"op": "part", "index": 1, "of": 2, "from": "mix", **may},
            "join": {"op": "concat", "from": ["right", "left"]},
            "conv2": {"op": "conv", "channels": "c", "kernel": 1},
        }
    }
    assert_sound(network({"own": own}, "own"))


PART = {"op": "part", "index": 0, "of": 4}
EITHER = {
    "one": {"op": "conv", "channels": "c / 4", "kernel": 1},
    "two": {"op": "conv", "channels": "8 / c", "kernel": 1, "from": "x"},
    "sum": {"op": "add", "from": ["one", "two"]},
}


@pytest.mark.parametrize(
    ("steps", "channels"),
    [
        ({"part": PART, "product": {"op": "mul", "from": ["part", "x"]}}, [4]),
        ({"part": PART, "largest": {"op": "maximum", "from": ["part", "part", "x"]}}, [4]),
        (EITHER, [4, 8]),
    ],
    ids=["mul", "maximum", "either"],
)
def test_one_channel_is_spread_where_symbols_do_not_show_it(
    steps: dict[str, Any], channels: list[int]
) -> None:
    last = {"norm": {"op": "batch_norm"}, "conv2": {"op": "conv", "channels": "c", "kernel": 1}}
    spec = tiny_spec(
        *({"channels": c, "unit": "own"} for c in channels),
        stem={"type": "conv", "channels": 4},
        blocks={"own": {"steps": {**steps, **last}}},
    )
    assert_sound(archcompiler.compile(spec))


AWKWARD = (
    *("y", "shortcut", "y1", "has_mul", "has_side", "given_stride", "self_", "x1", "x_"),
    *("contextmanager", "is_compiling", "nullcontext", "dataclass", "given_given_stride"),
    *("frozen_statistics", "net", "stage", "print", "list", "len", "isinstance", "staticmethod"),
    *("stride", "channels", "in_channels", "num_classes", "c", "cin", "dims", "config_"),
    *("torch_norm", "self_relu", "in_norm", "x_act", "y_norm2"),  # variables without what is last
    *sorted(name for name in HELPERS if name.islower()),
)


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize("step", ["pool", "side", "mul"])
def test_a_step_may_have_any_name_that_is_not_refused(name: str, step: str) -> None:
    """Steps that wait for others become variables, which hide nothing that the file needs."""
    text: dict[str, Any] = {
        "conv1": CONV,
        "pool": {"op": "max_pool", "kernel": 3, "stride": 1, "padding": 1},
        "side": {
            "op": "conv",
            "from": "conv1",
            "channels": "c",
            "kernel": 1,
            "when": "stride != 1",
        },
        "mul": {"op": "mul", "from": ["pool", "side"], "when": "cin != c"},
        "weights": {"op": "softmax", "axis": "positions", "from": "conv1"},
        "values": {"op": "mul", "from": ["weights", "pool"]},
        "act": {"op": "act", "from": "mul"},
        "add": {"op": "add", "from": ["act", "side", "values"]},
        "concat": {"op": "concat", "from": ["add", "act"]},
        "last": {"op": "conv", "channels": "c", "kernel": 1},
    }
    steps = {
        name if key == step else key: {
            **rule,
            **({"from": _renamed(rule["from"], step, name)} if "from" in rule else {}),
        }
        for key, rule in text.items()
    }
    found = network({"own": {"steps": steps}}, "own")
    plain = network({"own": {"steps": text}}, "own")
    x = torch.randn(2, 3, 33, 33)
    torch.manual_seed(0)
    model = found.module().eval()
    torch.manual_seed(0)
    other = plain.module().eval()
    with torch.no_grad():
        assert torch.equal(model(x), other(x))
    load_module("again", found.source)


def _renamed(reads: Any, old: str, new: str) -> Any:
    if isinstance(reads, list):
        return [_renamed(name, old, new) for name in reads]
    return new if reads == old else reads


@pytest.mark.parametrize("pytorch", [True, False], ids=["torch", "jax"])
@pytest.mark.parametrize("kind", ["every_mask", "every_unit"])
def test_classes_of_one_block_say_what_is_special_of_each(kind: str, pytorch: bool) -> None:
    path = ROOT / "tests" / "golden" / kind / f"{kind}{'' if pytorch else '_jax'}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    said = [ast.get_docstring(node) for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(set(said)) == len(said) > 10


def test_a_class_says_which_options_decide_its_code() -> None:
    block = {
        "options": {
            "act": {"default": True},
            "gate": {"slot": "mask", "default": "none"},
            "width": {"default": 4},
        },
        "class_name": "Own",
        "title": "A unit",
        "steps": {
            "conv": CONV,
            "relu": {"op": "act", "when": "act"},
            "gate": {"op": "gate"},
            "weigh": {"op": "mul", "from": ["relu", "gate"], "when": "gate != 'none'"},
            "last": {"op": "conv", "channels": "width", "kernel": 1},
            "out": {"op": "conv", "channels": "c", "kernel": 1},
        },
    }
    gate = {"type": "se", "ratio": 2}
    built = network(
        {"own": block},
        "own",
        {"type": "own", "act": False, "width": 6},
        {"type": "own", "gate": gate},
    )
    said = {
        node.name: (ast.get_docstring(node) or "").rpartition("\n")[2]
        for node in ast.parse(built.source).body
        if isinstance(node, ast.ClassDef) and "Own" in node.name
    }
    assert list(said.values())[1:] == [
        "Here act = false.",
        "Here gate = { type = 'se', ratio = 2 }.",
    ]
    assert "Here" not in next(iter(said.values()))
