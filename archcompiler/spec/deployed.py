"""The spec of a network as it is in inference: under a name of its own, with other blocks."""

from __future__ import annotations

from dataclasses import replace

from archcompiler.diagnostics import CompileError
from archcompiler.spec.loaded import LoadedSpec
from archcompiler.spec.names import class_name
from archcompiler.spec.references import NORMS
from archcompiler.spec.resolved import used
from archcompiler.spec.rules import broken_names

SUFFIX = "_deploy"
"""What its name has after that of the network that is trained."""
BATCH_NORM = "batch_norm"


def deployed(loaded: LoadedSpec) -> LoadedSpec:
    """The spec for inference of a valid one. Raises CompileError E205 if its name is taken."""
    spec = loaded.spec
    norm = NORMS.get(spec.norm.type, spec.norm.type)
    batch_norms = frozenset({BATCH_NORM, *(["norm"] if norm == BATCH_NORM else [])})
    other = replace(
        loaded,
        spec=spec.model_copy(
            update={"name": f"{spec.name}{SUFFIX}", "class_name": f"{class_name(spec)}Deploy"}
        ),
        library=loaded.library.for_inference(batch_norms),
    )
    blocks = [other.library.find(name, home) for home, name in used(spec, other.library)]
    problems = list(broken_names(other, blocks))
    if problems:
        raise CompileError(*problems)
    return other
