"""A command whose help has its options in groups, and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import click

SPEC: Final = {"Spec": ("settings", "root")}
"""The options of every command that reads a spec, for `groups`."""


class Command(click.Command):
    """Options are named by their parameters in `groups`; those in none come last."""

    def __init__(
        self,
        *args: Any,
        examples: Sequence[str],
        groups: Mapping[str, Sequence[str]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        self.groups = dict(groups or {})

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        parameters = [p for p in self.get_params(ctx) if isinstance(p, click.Option)]
        grouped = {name for names in self.groups.values() for name in names}
        rest = [str(p.name) for p in parameters if str(p.name) not in grouped]
        for title, names in {**self.groups, "Options": rest}.items():
            found = (p.get_help_record(ctx) for p in parameters if p.name in names)
            rows = [row for row in found if row is not None]
            if rows:
                with formatter.section("Options" if title == "Options" else f"{title} options"):
                    formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples" if len(self.examples) > 1 else "Example"):
            for example in self.examples:
                formatter.write_text(f"archcompiler {example}")
        super().format_epilog(ctx, formatter)
