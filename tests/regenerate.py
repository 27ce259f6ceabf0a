"""Write what the tests compare with anew: `python tests/regenerate.py [errors …]`.

The diff is to be read like code: it is what users will see change.
"""

import sys
from collections.abc import Callable


def errors() -> None:
    """The reports on the specs in `errors/`."""
    from test_errors import SPECS, report_path, run

    for spec in SPECS:
        report_path(spec).write_text(run(spec), encoding="utf-8", newline="\n")


def golden() -> None:
    """The emitted files of the specs in `golden/`."""
    from test_golden import GOLDEN, NAMES, emitted_path

    import archcompiler

    for spec in GOLDEN:
        for name in NAMES:
            network = archcompiler.compile(spec).for_backend(name)
            emitted_path(network, spec).write_text(network.source, encoding="utf-8", newline="\n")


def generated() -> None:
    """The emitted files of the shipped specs, in `generated/`."""
    from test_golden import ALL_SPECS, ROOT

    import archcompiler

    # Of one network in two formats the file in TOML is named as its source.
    for spec in sorted(ALL_SPECS, key=lambda spec: spec.suffix):
        archcompiler.compile(spec).write(ROOT / "generated", force=True)


def schema() -> None:
    """The JSON Schemas of specs, recipes, spaces and studies, at the top of the repository."""
    from test_golden import ROOT

    from archcompiler.runner.recipe.schema import RECIPE_SCHEMA_FILE, recipe_schema_text
    from archcompiler.search.schema import SPACE_SCHEMA_FILE, space_schema_text
    from archcompiler.spec.schema import SCHEMA_FILE, schema_text
    from archcompiler.study.schema import STUDY_SCHEMA_FILE, study_schema_text

    for name, text in (
        (SCHEMA_FILE, schema_text()),
        (RECIPE_SCHEMA_FILE, recipe_schema_text()),
        (SPACE_SCHEMA_FILE, space_schema_text()),
        (STUDY_SCHEMA_FILE, study_schema_text()),
    ):
        (ROOT / name).write_text(text, encoding="utf-8", newline="\n")


def tables() -> None:
    """The complexity table of the shipped networks, and the cost tables of those in `golden/`."""
    from test_tables import GOLDEN, NETWORKS, in_networks, networks_table, printed, table_path

    text = NETWORKS.read_text(encoding="utf-8")
    text = in_networks(text, networks_table())
    NETWORKS.write_text(text, encoding="utf-8", newline="\n")
    for spec in GOLDEN:
        table_path(spec).write_text(printed(spec), encoding="utf-8", newline="\n")


def documents() -> None:
    """The tables of blocks, specs and operators in `docs/`, and the pages that are made."""
    from documents import SECTIONS, with_section
    from reference import PAGES

    for path, sections in SECTIONS.items():
        text = path.read_text(encoding="utf-8")
        for name, table in sections.items():
            text = with_section(text, name, table())
        path.write_text(text, encoding="utf-8", newline="\n")
    for path, page in PAGES.items():
        path.write_text(page(), encoding="utf-8", newline="\n")


def figures() -> None:
    """The gallery in `docs/gallery/` and the golden figures."""
    from test_figures import regenerate

    regenerate()


KINDS: dict[str, Callable[[], None]] = {
    "documents": documents,
    "errors": errors,
    "figures": figures,
    "generated": generated,
    "golden": golden,
    "schema": schema,
    "tables": tables,
}


def main(names: list[str]) -> int:
    """Regenerate the kinds named, or all of them."""
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; there are: {', '.join(KINDS)}", file=sys.stderr)
        return 2
    for name in names or KINDS:
        KINDS[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
