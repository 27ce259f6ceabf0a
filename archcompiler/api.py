"""What a notebook or a script does with a network: everything that the commands do, as methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archcompiler import compiler
from archcompiler.compiler import CompiledNetwork
from archcompiler.spec.loader import SpecLike

if TYPE_CHECKING:
    from torch import Tensor, nn

    from archcompiler.figure.diagram import Format
    from archcompiler.figure.page import Level
    from archcompiler.figure.themes import ThemeName
    from archcompiler.foreign.audit import Audit
    from archcompiler.tables.report import View
    from archcompiler.verify import Proof


class Network(CompiledNetwork):
    """A checked network. Made by `archcompiler.compile`; a notebook shows its figure and costs."""

    def __repr__(self) -> str:
        return f"<Network {self._words}>"

    def _repr_html_(self) -> str:
        from html import escape

        from archcompiler.tables import html
        from archcompiler.tables.grid import cost_grid
        from archcompiler.tables.report import Report

        grid = cost_grid([Report(self, self.graph, "stage")], ())
        return (
            f"<p><b>{escape(self.spec.title or self.name)}</b>: {escape(self._words)}</p>"
            f"{self.diagram().decode()}{html.render(grid)}"
        )

    @property
    def _words(self) -> str:
        from archcompiler.figure.drawing import Drawing
        from archcompiler.figure.page import footer_words

        return footer_words(Drawing(self))

    def flops(self, by: View = "network", size: Sequence[int] | None = None) -> dict[str, Any]:
        """Exact costs as `archcompiler flops --format json` has them, at a size (H, W) or its own.

        Raises CompileError for a size that the network does not take.

        >>> import archcompiler
        >>> costs = archcompiler.compile("attention56").flops()
        >>> costs["params"], costs["macs"]
        (31810728, 6270836736)
        """
        from archcompiler.tables.record import record
        from archcompiler.tables.report import Report

        graph = self.graph if size is None else compiler.at_size(self, *size)
        return record(Report(self, graph, by))

    def diagram(
        self,
        format: Format = "svg",
        *,
        level: Level = "auto",
        expand: Sequence[str] = (),
        theme: ThemeName = "paper",
        width: float = 504.0,
    ) -> bytes:
        """The figure as the bytes of a file, `width` points wide.

        Raises CompileError E601 where a format needs a `dot` that is not there, E603 for a scope
        in `expand` that there is not.
        """
        from archcompiler.figure.diagram import Request, draw

        return draw(self, Request(level, tuple(expand), theme, width)).render(format)

    def verify(self) -> Proof:
        """Trace the emitted module and prove that it is this graph; imports torch."""
        from archcompiler.verify import verify

        return verify(self)

    def audit(self, module: nn.Module) -> Audit:
        """Whether another implementation is this network: `same`, and what differs, of which
        `archcompiler.foreign.report` makes text. Imports torch.

        It is traced in evaluation; the module itself stays as it is. Raises CompileError E901 if it
        cannot be traced.
        """
        from archcompiler.foreign.audit import audit
        from archcompiler.foreign.loading import implementation_of

        return audit(self, implementation_of(module))

    def weights_from(
        self, module: nn.Module, pairs: Mapping[str, str] | None = None
    ) -> dict[str, Tensor]:
        """A `state_dict` for the emitted model with the weights of another implementation, by the
        isomorphism of both; imports torch.

        `pairs` says which of several operators that nothing else tells apart is which, by its name
        here and there. Raises CompileError: E901 if it cannot be traced, E902 if it is another
        network, E904 and E905 where a choice is left, and E906 if logits in float64 are not the
        same.
        """
        from archcompiler.foreign.loading import implementation_of
        from archcompiler.foreign.transfer import transfer

        return dict(transfer(self, implementation_of(module), pairs=pairs).tensors)

    def state_dict_keys(self) -> dict[str, tuple[int, ...]]:
        """The keys of the emitted model's `state_dict` and their shapes; imports torch."""
        from archcompiler.verify.state import state_dict_shapes

        return state_dict_shapes(self)


def compile(
    spec: SpecLike, settings: Sequence[str] = (), *, root: str | Path | None = None
) -> Network:
    """Compile a spec with `settings` such as `stages.1.modules=4`.

    It is given as a path, as the name of one that comes with the package, or as a dict. `root` is
    the folder that what it extends may not leave, by default its project's.

    Raises CompileError with every error of the spec and its graph.

    >>> import archcompiler
    >>> network = archcompiler.compile(
    ...     {
    ...         "name": "tiny",
    ...         "input": [3, 32, 32],
    ...         "classes": 10,
    ...         "stem": {"type": "conv"},
    ...         "stages": [{"channels": 64, "modules": 1, "depth": 2}],
    ...     }
    ... )
    >>> network.name, network.graph.root.output_type.channels
    ('tiny', 10)
    """
    network = compiler.compile(spec, settings, root=root)
    return Network(network.loaded, network.graph, network.warnings)
