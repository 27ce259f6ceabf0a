"""The re-stated networks have the parameters and the operations that are public of them.

Counts are literals, each with its source, in `restated/table.py`. Multiply-accumulates are half of
what torch's own counter counts; where a source rounds them, ours must round to the same.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from restated import attention_ports
from restated.gates import Cbam, Coordinate, EfficientChannel, NonLocal
from restated.table import ALL, ATTENTION_KINDS
from torch import fx, nn
from torch.utils.flop_counter import FlopCounterMode


@pytest.fixture(scope="module", params=ALL)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def module(name: str) -> nn.Module:
    with torch.device("meta"):
        return ALL[name].make().eval()


def test_parameters(name: str, module: nn.Module) -> None:
    assert sum(parameter.numel() for parameter in module.parameters()) == ALL[name].parameters


def without_norms(module: nn.Module) -> nn.Module:
    """The module without parts that multiply and accumulate nothing, to count in half the time."""
    for parent in list(module.modules()):
        for name, part in parent.named_children():
            if isinstance(part, nn.BatchNorm2d | nn.ReLU):
                setattr(parent, name, nn.Identity())
    return module


@pytest.mark.parametrize("name", [name for name, network in ALL.items() if network.macs])
def test_multiply_accumulates(name: str) -> None:
    network = ALL[name]
    with torch.device("meta"), torch.no_grad():
        module = without_norms(network.make().eval())
        image = torch.empty(1, *network.input)
        with FlopCounterMode(display=False) as counter:
            module(image)
    assert network.macs is not None
    assert counter.get_total_flops() == 2 * network.macs
    if network.published:
        decimals = len(network.published.partition(".")[2])
        assert f"{network.macs / 1e9:.{decimals}f}" == network.published


def test_a_graph_can_be_taken_and_every_parameter_is_used(module: nn.Module) -> None:
    graph = fx.symbolic_trace(module).graph
    called = {node.target for node in graph.nodes if node.op in ("call_module", "get_attr")}
    for path, _ in module.named_parameters():
        assert path in called or path.rpartition(".")[0] in called, path


@pytest.mark.parametrize(
    ("name", "registered"),
    [("56", "47.6"), ("92", "83.2"), ("448input", "83.8"), ("92_32input_update", "19.9")],
)
def test_idle_projections(name: str, registered: str) -> None:
    """What the port registers, counted from its own code, is what is used and the idle ones."""
    with torch.device("meta"):
        network = attention_ports.tengshaofeng(name)
    used = sum(parameter.numel() for parameter in network.parameters())
    total = used + attention_ports.idle_projections(network)
    assert f"{total / 1e6:.1f}" == registered


@pytest.mark.parametrize("kind", ["se", "eca", "cbam", "bam", "gc", "coordinate", "nonlocal"])
def test_attention_keeps_the_shape_of_every_stage(kind: str) -> None:
    with torch.device("meta"), torch.no_grad():
        module = ATTENTION_KINDS[f"{kind}_resnet50"].make().eval()
        assert module(torch.empty(1, 3, 64, 96)).shape == (1, 1000)


def test_eca_is_a_convolution_along_the_channels() -> None:
    gate, x = EfficientChannel(5), torch.randn(2, 8, 3, 4)
    padded = F.pad(x.mean(dim=(2, 3)), (2, 2))
    weight = gate.conv.weight.flatten()
    along = torch.stack([(padded[:, i : i + 5] * weight).sum(dim=1) for i in range(8)], dim=1)
    torch.testing.assert_close(gate(x), x * torch.sigmoid(along)[:, :, None, None])


def test_cbam_is_two_gates_in_turn_as_its_authors_write_them() -> None:
    gate, x = Cbam(32).eval(), torch.randn(2, 32, 5, 5)
    mean, largest = F.avg_pool2d(x, 5), F.max_pool2d(x, 5)
    scaled = x * torch.sigmoid(gate.mlp(mean) + gate.mlp(largest))
    maps = torch.stack([scaled.max(dim=1).values, scaled.mean(dim=1)], dim=1)
    torch.testing.assert_close(gate(x), scaled * torch.sigmoid(gate.spatial(maps)))


def test_coordinate_attention_turns_with_its_map() -> None:
    gate, x = Coordinate(16).eval(), torch.randn(1, 16, 4, 6)
    gate.columns.load_state_dict(gate.rows.state_dict())
    torch.testing.assert_close(gate(x).transpose(2, 3), gate(x.transpose(2, 3)))


def test_non_local_mixes_as_torch_attention_does() -> None:
    gate, x = NonLocal(8).eval(), torch.randn(2, 8, 3, 5)
    query, key, value = (
        conv(x).flatten(2).transpose(1, 2) for conv in (gate.query, gate.key, gate.value)
    )
    mixed = F.scaled_dot_product_attention(query, key, value, scale=1.0)
    expected = x + gate.out(mixed.transpose(1, 2).unflatten(2, (3, 5)))
    torch.testing.assert_close(gate(x), expected)
