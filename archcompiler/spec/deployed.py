"""The spec of a network as it is in inference: under a name of its own, with other blocks."""

from __future__ import annotations

from dataclasses import replace

from archcompiler.diagnostics import CompileError
from archcompiler.language.definition import NONE
from archcompiler.language.merging import Words
from archcompiler.language.target import ACT, NORM
from archcompiler.ops.registry import FAMILIES
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.names import class_name
from archcompiler.spec.references import NORMS
from archcompiler.spec.resolved import used
from archcompiler.spec.rules import broken_names

SUFFIX = "_deploy"
"""What its name has after that of the network that is trained."""
BATCH_NORM = "batch_norm"
KEEPING = ("activation", "norm")
"""Families of operators that give maps of the shape that they get."""


def deployed(loaded: LoadedSpec) -> LoadedSpec:
    """The spec for inference of a valid one. Raises CompileError E205 if its name is taken."""
    spec = loaded.spec
    norm = NORMS.get(spec.norm.type, spec.norm.type)
    keeping = {kind for kind, family in FAMILIES.items() if family in KEEPING} | {NONE}
    meant = {NORM: norm, ACT: spec.activation.type}
    words = Words(
        batch_norms=frozenset({BATCH_NORM, *([NORM] if norm == BATCH_NORM else [])}),
        keeping=frozenset(keeping | {word for word, kind in meant.items() if kind in keeping}),
    )
    other = replace(
        loaded,
        spec=spec.model_copy(
            update={"name": f"{spec.name}{SUFFIX}", "class_name": f"{class_name(spec)}Deploy"}
        ),
        library=loaded.library.for_inference(words),
    )
    blocks = [other.library.find(name, home) for home, name in used(spec, other.library)]
    problems = list(broken_names(other, blocks))
    if problems:
        raise CompileError(*problems)
    return other
