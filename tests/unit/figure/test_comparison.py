import json
import re
from collections.abc import Callable

import pytest

from archcompiler import CompiledNetwork
from archcompiler.diagnostics import CompileError
from archcompiler.figure.comparison import compare
from archcompiler.figure.diagram import Request
from archcompiler.figure.differences import spec_differences


def test_what_differs_is_marked_and_listed(make: Callable[..., CompiledNetwork]) -> None:
    stage = {"channels": 64, "modules": 1, "depth": 1}
    left = make(name="left", stages=[stage, stage | {"channels": 128}])
    right = make(
        name="right", stages=[stage, stage | {"channels": 128, "modules": 3}, stage], classes=100
    )
    figure = compare(left, right, Request())
    marked = {n.key for n in figure.page.panel.nodes if n.outline.role == "different"}
    assert marked == {"a.stage2", "b.stage2", "b.stage3", "a.head", "b.head"}
    data = json.loads(figure.render("json"))
    paths = {d["path"]: (d["left"], d["right"]) for d in data["differences"]}
    assert paths["classes"] == ("10", "100")
    assert paths["stages[1].modules"] == ("1", "3")
    assert "name" not in paths


def test_an_inherited_difference_is_said_once(make: Callable[..., CompiledNetwork]) -> None:
    found = spec_differences(make(), make(attention={"t": 4}))
    assert found == [("attention.t", "2", "4")]


def test_the_browser_view_opens_both(make: Callable[..., CompiledNetwork]) -> None:
    stage = {"channels": 64, "modules": 1, "depth": 1}
    figure = compare(make(name="left"), make(name="right", stages=[stage, stage]), Request())
    text = figure.render("html").decode()
    panels = re.findall(r'id="panel-([^"]+)"', text)
    assert panels[0] == "comparison"
    assert {"a-s-stage1-attention1", "b-s-stage1-attention1"} <= set(panels)
    assert len(panels) == len(set(panels))
    links = set(re.findall(r'data-link="([^"]+)"', text))
    assert {"a-s-stage1", "b-s-stage1"} <= links <= set(panels)


def test_it_has_no_level_and_no_scope(make: Callable[..., CompiledNetwork]) -> None:
    for request in (Request(level="stage"), Request(expand=("stem",))):
        with pytest.raises(CompileError, match="E604"):
            compare(make(), make(), request)


def test_equal_networks_are_called_equal(make: Callable[..., CompiledNetwork]) -> None:
    figure = compare(make(), make(), Request())
    assert figure.page.notes == ["the two networks are equal"]


def test_differences_stand_in_the_order_of_the_stages(make: Callable[..., CompiledNetwork]) -> None:
    """Those that one side lacks are one line; stage 2 comes before stage 10."""
    stage = {"channels": 64, "modules": 1, "depth": 1}
    wider = stage | {"channels": 128}
    left = make(stages=[stage] * 12)
    right = make(stages=[stage] + [wider] * 3)
    paths = [path for path, _, _ in spec_differences(left, right)]
    assert paths == [
        "stages[1].channels", "stages[2].channels", "stages[3].channels", "stages[4–11]",
    ]  # fmt: skip


def test_each_scope_says_whose_it_is(make: Callable[..., CompiledNetwork]) -> None:
    """Titles may be equal, and scopes are."""
    figure = compare(make(name="one", title="T"), make(name="two", title="T"), Request())
    data = json.loads(figure.render("html").decode().split('id="data">')[1].split("</script>")[0])
    owners = {id[:2]: info.get("network") for id, info in data["nodes"].items()}
    assert (owners["a-"], owners["b-"]) == ("one", "two")
    assert {id[:2] for _, id in data["also"]} == {"a-", "b-"}
    names = [node.name for node in figure.page.panel.nodes]
    assert len(set(names)) == len(names)
