"""What the site has beside `docs/`: the files at the top of the repository, as pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

TOP: Final = {
    "README.md": "tour.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
LINK: Final = re.compile(r"""(?:(?<=\]\()|(?<=src=")|(?<=set="))[^)"\s]+""")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add them, with links that lead to pages of the site."""
    from mkdocs.structure.files import File

    root = Path(config.docs_dir).parent
    for name, page in TOP.items():
        text = LINK.sub(lambda found: _moved(found[0]), (root / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """In `docs/`, have links to one of them lead to its page."""
    return LINK.sub(lambda found: _inside(found[0]), markdown)


def _moved(link: str) -> str:
    name, mark, anchor = link.partition("#")
    return TOP.get(name, name.removeprefix("docs/")) + mark + anchor


def _inside(link: str) -> str:
    name, mark, anchor = link.partition("#")
    folder, _, file = name.rpartition("/")
    if file not in TOP or set(folder.split("/")) != {".."}:
        return link
    return folder[3:] + "/" * bool(folder[3:]) + TOP[file] + mark + anchor
