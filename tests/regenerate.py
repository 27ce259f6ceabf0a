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


KINDS: dict[str, Callable[[], None]] = {"errors": errors}


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
