from pathlib import Path

import pytest

import archcompiler
from archcompiler.config.extending import MAX_EXTENDS
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.loader import load

NET = """\
name = "net"
input = [3, 32, 32]
classes = 10
stem = { type = "conv" }
[[stages]]
channels = 64
modules = 1
depth = 2
[[stages]]
channels = 128
modules = 1
depth = 2
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def codes(path: Path) -> list[str]:
    return [d.code for d in archcompiler.check(path)]


def test_a_chain_of_three(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=NET,
        middle='extends = "base.toml"\nclasses = 20\n[stages.0]\nmodules = 3',
        top='extends = "middle.toml"\nname = "top"\n[stages.0]\ndepth = 1',
    )
    spec = load(tmp_path / "top.toml").spec
    assert (spec.name, spec.classes) == ("top", 20)
    assert [(s.modules, s.depth) for s in spec.stages] == [(3, 1), (1, 2)]


def test_stages_written_anew_replace_those_of_the_base(tmp_path: Path) -> None:
    write(tmp_path, base=NET, top='extends = "base.toml"\n[[stages]]\nchannels = 8')
    assert len(load(tmp_path / "top.toml").spec.stages) == 1


def test_a_json_base(tmp_path: Path) -> None:
    write(tmp_path, net=NET, top='extends = "net.json"\nname = "top"')
    (tmp_path / "net.json").write_text(
        '{"$schema": "x", "name": "net", "input": [3, 32, 32], "classes": 10,'
        ' "stem": {"type": "conv"}, "stages": [{"channels": 64}]}'
    )
    assert load(tmp_path / "top.toml").spec.name == "top"


def test_the_same_spec_in_both_formats_has_one_hash(tmp_path: Path) -> None:
    write(tmp_path, base=NET, top='extends = "base.toml"\nhead.bias = true')
    assert load(tmp_path / "base.toml").sha256 == load(tmp_path / "top.toml").sha256
    assert load(tmp_path / "base.toml").sha256 != load(tmp_path / "top.toml", ["classes=9"]).sha256


def test_a_base_in_a_folder_below(tmp_path: Path) -> None:
    (tmp_path / "bases").mkdir()
    write(tmp_path / "bases", base=NET, other='extends = "../side.toml"')
    write(tmp_path, top='extends = "bases/base.toml"', side=NET, up='extends = "bases/other.toml"')
    assert codes(tmp_path / "top.toml") == []
    # From below back up is still inside of the folder of the spec that is compiled.
    assert codes(tmp_path / "up.toml") == []
    assert codes(tmp_path / "bases/other.toml") == ["E208"]


def test_a_link_leads_nowhere_that_a_path_could_not(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write(tmp_path, secret=NET)
    (inside / "link.toml").symlink_to(tmp_path / "secret.toml")
    (inside / "folder").symlink_to(tmp_path)
    write(inside, top='extends = "link.toml"', deep='extends = "folder/secret.toml"')
    assert codes(inside / "top.toml") == ["E208"]
    assert codes(inside / "deep.toml") == ["E208"]


def test_a_link_that_the_user_names_extends_what_is_beside_it(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    write(tmp_path, real='extends = "base.toml"\nname = "real"')
    write(inside, base=NET)
    (inside / "top.toml").symlink_to(tmp_path / "real.toml")
    assert load(inside / "top.toml").spec.name == "real"


def test_a_link_to_itself(tmp_path: Path) -> None:
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    write(tmp_path, top='extends = "loop.toml"')
    assert codes(tmp_path / "top.toml") == ["E207"]
    assert codes(tmp_path / "loop.toml") == ["E101"]


@pytest.mark.parametrize("name", ["", ".", "a\\u0000b.toml", "x" * 5000 + ".toml", "n.yaml"])
def test_a_base_that_is_none(tmp_path: Path, name: str) -> None:
    write(tmp_path, top=f'extends = "{name}"')
    assert codes(tmp_path / "top.toml") == ["E207"]


def test_a_chain_that_is_too_long(tmp_path: Path) -> None:
    write(tmp_path, s0=NET)
    for i in range(1, MAX_EXTENDS + 2):
        write(tmp_path, **{f"s{i}": f'extends = "s{i - 1}.toml"'})
    assert codes(tmp_path / f"s{MAX_EXTENDS}.toml") == []
    assert codes(tmp_path / f"s{MAX_EXTENDS + 1}.toml") == ["E207"]


def test_mistakes_of_a_base_are_located_in_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=NET.replace("channels = 64", 'channels = "64"').replace("classes", "clases"),
        top='extends = "base.toml"\nclasses = 0',
    )
    found = archcompiler.check(tmp_path / "top.toml")
    places = {(d.code, d.span.source.name.rpartition("/")[2], d.span.text) for d in found if d.span}
    assert places == {
        ("E203", "base.toml", '"64"'),
        ("E201", "base.toml", "clases"),
        ("E204", "top.toml", "0"),
    }


def loaded(text: str) -> LoadedSpec:
    import tomllib

    return load(tomllib.loads(text))


def test_a_stage_changes_single_keys_of_the_attention() -> None:
    spec = loaded(
        NET.replace("depth = 2\n[[", 'depth = 2\nattention.mask.activation = "channel"\n[[')
        + "[attention]\np = 3\n[attention.mask]\nr = 7\npool.kernel = 5"
    ).spec
    first, second = (stage.attention for stage in spec.stages)
    mask = {"r": 7, "pool": {"kernel": 5}}
    assert second.table() == {"type": "attention", "p": 3, "mask": mask}
    assert first.table() == second.table() | {"mask": {**mask, "activation": "channel"}}
    assert second == spec.attention


def test_without_an_attention_of_the_network_a_stage_has_its_own() -> None:
    spec = loaded(NET + "attention.p = 0").spec
    tables = [stage.attention.table() for stage in spec.stages]
    assert tables == [{"type": "attention"}, {"type": "attention", "p": 0}]


def test_an_attention_may_be_named_alone() -> None:
    text = NET.replace("depth = 2\n[[", "depth = 2\nattention.p = 3\n[[")
    spec = loaded('attention = "attention"\n' + text).spec
    assert spec.stages[0].attention.table() == {"type": "attention", "p": 3}


PLAIN = """
[blocks.plain.options]
width = 2

[blocks.plain.steps]
conv1 = { op = "conv", channels = "c * width", kernel = 3, stride = "stride" }
norm1 = { op = "norm" }
conv2 = { op = "conv", channels = "c", kernel = 3 }
"""


def test_blocks_are_merged_key_by_key(tmp_path: Path) -> None:
    write(
        tmp_path,
        base=NET.replace("classes", 'unit = "plain"\nclasses') + PLAIN,
        top='extends = "base.toml"\n[blocks.plain.steps.conv1]\nkernel = 5',
    )
    plain = load(tmp_path / "top.toml", ["blocks.plain.options.width=3"]).library.find("plain")
    assert plain is not None
    assert plain.steps[0].arguments == {"channels": "c * width", "kernel": 5, "stride": "stride"}
    assert [rule.name for rule in plain.steps] == ["conv1", "norm1", "conv2"]
    assert plain.options["width"].default == 3


def test_a_block_of_a_shipped_name_is_laid_upon_the_shipped_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        top=NET.replace("classes", 'unit = "bottleneck"\nclasses')
        + "[blocks.bottleneck.steps.conv2]\nkernel = 5\n[blocks.conv.steps.conv]\nkernel = 7",
    )
    library = load(tmp_path / "top.toml").library
    bottleneck, stem = library.find("bottleneck"), library.find("conv", "stems")
    assert bottleneck is not None
    assert stem is not None
    assert [rule.arguments["kernel"] for rule in bottleneck.steps if rule.op == "conv"] == [
        *(1, 5, 1, 1)
    ]
    assert stem.steps[0].arguments["kernel"] == 7


@pytest.mark.parametrize(
    ("setting", "code", "text"),
    [
        ("blocks.plain.steps.conv1.kernel=0", "E204", "0"),
        ("blocks.plain.steps.conv1.channels=c * widht", "E220", "widht"),
        ("blocks.plain.steps.conv1.kernal=3", "E201", "kernal"),
        ("blocks.plain.steps.conv3={ op = 'conv', kernel = 3 }", "E202", "conv3"),
        ("blocks.plain.steps.norm1.op=nrom", "E211", "nrom"),
        ("unit.width=0.5", "E203", "0.5"),
        ("blocks.bottleneck.steps.conv2.groups=group", "E220", "group"),
    ],
)
def test_a_mistake_in_a_setting_of_a_block(
    tmp_path: Path, setting: str, code: str, text: str
) -> None:
    write(tmp_path, net=NET.replace("classes", 'unit = "plain"\nclasses') + PLAIN)
    (found,) = archcompiler.check(tmp_path / "net.toml", [setting])
    assert found.span is not None
    assert (found.code, found.span.source.name) == (code, "--set")
    assert text in found.span.text


def test_the_hash_covers_the_blocks_that_are_used() -> None:
    def sha(*settings: str) -> str:
        import tomllib

        spec = NET.replace("classes", 'unit = "plain"\nclasses')
        return load(tomllib.loads(spec + PLAIN), settings).sha256

    assert sha("blocks.plain.steps.conv1.kernel=3") == sha()
    assert sha("blocks.plain.steps.conv1.kernel=5") != sha()
    assert sha("blocks.bottleneck.steps.conv2.kernel=5") == sha()
    assert sha("blocks.hourglass.steps.conv1.kernel=3") != sha()
    assert sha("blocks.preact_bottleneck.steps.conv2.kernel=5") == sha()
    # What is said about a block and its options means nothing.
    assert sha("blocks.plain.title=Other", "blocks.plain.source=Other") == sha()
    widths = [f"blocks.plain.options.width={{ default = 2, help = '{text}' }}" for text in "ab"]
    assert sha(widths[0]) == sha(widths[1]) == sha("blocks.plain.options.width=2")
    assert sha(widths[0]) != sha(widths[0].replace("2", "3"))
    # A slot's usual block is used where nothing else is put there.
    assert sha("blocks.local.steps.conv1.kernel=3") == sha()
    assert sha("attention.mask=local", "blocks.local.steps.conv1.kernel=3") != sha(
        "attention.mask=local"
    )


def test_the_order_of_steps_is_part_of_the_hash() -> None:
    steps = {
        "act": {"op": "act"},
        "conv": {"op": "conv", "channels": "c", "kernel": 3, "stride": "stride"},
    }
    net = {
        "name": "net",
        "input": [3, 32, 32],
        "classes": 10,
        "stem": "conv",
        "unit": "plain",
        "stages": [{"channels": 64}],
    }
    orders = [steps, dict(reversed(steps.items()))]
    hashes = {load({**net, "blocks": {"plain": {"steps": order}}}).sha256 for order in orders}
    assert len(hashes) == 2


def test_a_bad_attention_is_one_mistake_for_all_stages() -> None:
    found = archcompiler.check(
        {
            "name": "net",
            "input": [3, 32, 32],
            "classes": 10,
            "stem": {"type": "conv"},
            "attention": {"p": -1, "q": 2},
            "stages": [{"channels": 64}, {"channels": 64, "attention": {"t": -3}}],
        }
    )
    assert [d.span.text for d in found if d.span] == ["-1", '"q"', "-3"]


@pytest.mark.parametrize("spec", [{"a": object()}, {"a": float("nan")}, {"a": {1, 2}}, {"b": b""}])
def test_a_dict_that_json_cannot_say(spec: dict[str, object]) -> None:
    assert [d.code for d in archcompiler.check(spec)] == ["E203"]


def test_a_dict_that_contains_itself() -> None:
    spec: dict[str, object] = {}
    spec["spec"] = spec
    assert [d.code for d in archcompiler.check(spec)] == ["E203"]


def test_what_another_network_is_called_is_not_inherited(tmp_path: Path) -> None:
    """That it equals a released one would be false of it."""
    path = tmp_path / "mine.toml"
    path.write_text('extends = "attention56"\nstages.0.modules = 2')
    same = load(path).spec
    assert (same.name, same.title) == ("attention56", "Attention-56")
    path.write_text('extends = "attention56"\nname = "mine"')
    spec = load(path).spec
    assert (spec.name, spec.class_name, spec.title, spec.description) == ("mine", None, None, None)
    path.write_text('extends = "attention56"\nname = "mine"\ntitle = "Mine"')
    assert load(path).spec.title == "Mine"


def test_a_dict_extends_nothing() -> None:
    assert [d.code for d in archcompiler.check({"extends": "base.toml"})] == ["E207"]


UNITS = """\
unit = "resnext"
name = "net"
input = [3, 32, 32]
classes = 10
stem = { type = "conv" }
[attention.trunk]
type = "bottleneck"
groups = 2
[[stages]]
channels = 64
"""


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("stages", 0, "unit"), '"resnext"'),
        (("stages", 0, "attention", "trunk"), "{"),
        (("stages", 0, "attention", "mask", "unit", "groups"), "2"),
        (("stages", 0, "unit", "groups"), None),
        (("stages", 0, "attention", "p"), None),
        (("stages", 0, "channels"), "64"),
    ],
)
def test_where_a_value_is_written_or_inherited(path: tuple[str | int, ...], text: str) -> None:
    span = loaded(UNITS).written(path)
    assert (span.text[:10] if span else None) == text
