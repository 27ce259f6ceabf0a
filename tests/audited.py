"""Public ports of the paper's network against its spec: the table of `docs/implementations.md`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Final, NamedTuple

import torch
from documents import table
from restated import attention_keras, attention_ports
from torch import nn

from archcompiler import shipped
from archcompiler.compiler import compile
from archcompiler.diagnostics import Source, Span
from archcompiler.foreign.audit import Audit, audit
from archcompiler.foreign.loading import Implementation
from archcompiler.foreign.report import groups


class Port(NamedTuple):
    """A re-statement, and the network of the paper that it is a port of."""

    title: str
    make: Callable[[], nn.Module]
    spec: str
    classes: int


def tengshaofeng(name: str) -> nn.Module:
    return attention_ports.with_idle_projections(attention_ports.tengshaofeng(name))


PORTS: Final = (
    Port(
        "gluon-cv, `residualattentionnet56`", lambda: attention_ports.gluon(56), "attention56", 1000
    ),
    Port(
        "tengshaofeng, `ResidualAttentionModel_56`", lambda: tengshaofeng("56"), "attention56", 10
    ),
    Port("qubvel, `AttentionResNet56`", lambda: attention_keras.attention(56), "attention56", 100),
)


@cache
def audited(port: Port) -> Audit:
    """The audit of a port; no weight is allocated."""
    with torch.device("meta"):
        module = port.make().eval()
    place = Span(Source("<module>", port.title, "toml"), 0, len(port.title))
    network = compile(shipped.specs()[port.spec], [f"classes={port.classes}"])
    return audit(network, Implementation(port.title, place, module))


def ports_table() -> str:
    """How often each port deviates in which way, and what it costs beside the network."""
    rows = [_row(port, audited(port)) for port in PORTS]
    head = ("port", "of", "padded pools", "sums too many", "else", "dead", "parameters", "MACs")
    return table(head, rows, "llrrlrrr")


def _row(port: Port, found: Audit) -> tuple[str, ...]:
    assert found.alignment is not None
    assert found.alignment.unmatched == ((), ()), "a port that cannot be followed to its end"
    kinds = Counter(deviation.kind for deviation in found.alignment.deviations)
    rest = [
        f"{len(group.deviations)} × {_words(group.kind, group.said)}"
        for group in groups(found)
        if group.kind not in ("padding", "sum")
    ]
    return (
        port.title,
        f"`{port.spec}`",
        str(kinds["padding"]),
        str(kinds["sum"]),
        "; ".join(rest) or "–",
        f"{sum(found.dead.values()):,}",
        f"{found.theirs.parameters:,} ({found.ours.parameters:,})",
        f"{found.theirs.macs:,} ({found.ours.macs:,})",
    )


def _words(kind: str, said: str) -> str:
    match kind:
        case "extra":
            return f"a {said} too many"
        case "missing":
            return f"a {said} missing"
    return said
