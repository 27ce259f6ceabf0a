"""Structure, escaping and determinism of every output format."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from ctypes import create_string_buffer
from dataclasses import replace
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument, PdfObject, PdfPage
from pypdfium2.raw import (
    FPDF_PAGEOBJ_TEXT,
    FPDFFont_GetBaseFontName,
    FPDFFont_GetIsEmbedded,
    FPDFTextObj_GetFont,
)

from archcompiler import CompiledNetwork
from archcompiler.diagnostics import CompileError
from archcompiler.figure.diagram import FORMATS, Request, draw
from archcompiler.figure.engine import find_dot
from archcompiler.figure.scene import MARGIN
from archcompiler.figure.themes import ROLES, THEMES
from archcompiler.figure.tikz import escape_tex
from archcompiler.figure.words import FORMS

ROOT = Path(__file__).parents[3]
if shutil.which("pdflatex") or "CI" in os.environ:
    # In CI a missing TeX is an error, not a reason to test less.
    needs_pdflatex = pytest.mark.tex
else:
    needs_pdflatex = pytest.mark.skip(reason="apt-get install texlive-latex-base texlive-pictures")
SVG = "{http://www.w3.org/2000/svg}"


def render(network: CompiledNetwork, format: str, **request: object) -> bytes:
    return draw(network, Request(**request)).render(format)  # type: ignore[arg-type]


class TestSvg:
    def test_nodes_have_names_and_text_is_text(self, attention56: CompiledNetwork) -> None:
        root = ET.fromstring(render(attention56, "svg"))
        groups = root.findall(f"{SVG}g")
        assert len(groups) > 50
        assert all(group.get("aria-label") for group in groups)
        texts = {text.text for text in root.iter(f"{SVG}text")}
        assert {"(1 + M)·T", "unit × 2r", "p = 1", "t = 2", "28×28×512"} <= texts

    def test_the_width_is_what_was_asked_for(self, attention56: CompiledNetwork) -> None:
        root = ET.fromstring(render(attention56, "svg", width=600.0))
        assert root.get("width") == "600pt"

    def test_hostile_text_stays_text(self, hostile: CompiledNetwork) -> None:
        root = ET.fromstring(render(hostile, "svg"))
        assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
            "svg", "title", "desc", "rect", "g", "text", "polyline", "polygon", "path",
        }  # fmt: skip
        assert root.find(f"{SVG}title").text == hostile.spec.title  # type: ignore[union-attr]


class TestDot:
    def test_graphviz_redraws_it(self, hostile: CompiledNetwork) -> None:
        dot = find_dot()
        assert dot is not None
        drawn = ET.fromstring(dot.render(render(hostile, "dot").decode(), "svg", "neato"))
        tags = {element.tag.removeprefix(SVG) for element in drawn.iter()}
        assert "script" not in tags
        texts = [text.text or "" for text in drawn.iter(f"{SVG}text")]
        assert any(text.startswith("</script><script>") for text in texts)

    def test_nodes_are_named_after_scopes(self, attention56: CompiledNetwork) -> None:
        text = render(attention56, "dot").decode()
        assert '"module-stage1-attention1.skip1" -> "module-stage1-attention1.add1"' in text


class TestTikz:
    def test_braces_and_environments_balance(self, hostile: CompiledNetwork) -> None:
        text = render(hostile, "tikz").decode()
        body = re.sub(r"\\[{}]", "", text)
        assert body.count("{") == body.count("}")
        assert text.count(r"\begin{") == text.count(r"\end{")
        assert r"\input" not in text
        assert text.isascii() or all(ord(c) <= 0xFF for c in text)

    def test_every_style_that_is_used_is_defined(self, attention56: CompiledNetwork) -> None:
        text = render(attention56, "tikz").decode()
        used = set(re.findall(r"\\(?:path|draw|node)\[(ac \w+)", text))
        used |= set(re.findall(r",(ac \w+)[,\]]", text))
        assert used <= set(re.findall(r"(ac \w+)/\.style", text))
        colors = set(re.findall(r"(?:fill|draw|text)=(ac-[\w-]+)", text))
        assert colors <= set(re.findall(r"definecolor\{(ac-[\w-]+)\}", text))

    @needs_pdflatex
    @pytest.mark.parametrize("theme", ["paper", "dark"])
    def test_pdflatex_sets_a_page_as_large_as_the_figure(
        self, hostile: CompiledNetwork, theme: str, tmp_path: Path
    ) -> None:
        (tmp_path / "figure.tikz.tex").write_bytes(render(hostile, "tikz", theme=theme))
        document = r"\documentclass{article}\usepackage{tikz}\begin{document}Here: "
        document += r"\input{figure.tikz}. And again: \input{figure.tikz}.\end{document}"
        (tmp_path / "paper.tex").write_text(document)
        for source in ("figure.tikz", "paper"):
            command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-jobname", source]
            done = subprocess.run(
                [*command, f"{source}.tex"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stdout[-2000:]
        with PdfDocument(tmp_path / "figure.tikz.pdf") as document:
            size = document[0].get_size()
        panel = draw(hostile, Request()).page.panel
        assert size == pytest.approx((504, panel.height + 2 * MARGIN), abs=0.1)

    def test_a_picture_too_long_for_tex_is_refused(self, attention56: CompiledNetwork) -> None:
        figure = draw(attention56, Request())
        figure.page.panel = replace(figure.page.panel, height=17_000.0)
        with pytest.raises(CompileError, match="E607"):
            figure.render("tikz")

    def test_special_characters(self) -> None:
        assert escape_tex(r"\a{b}$#%&_^~") == (
            r"\textbackslash{}a\{b\}\$\#\%\&\_\textasciicircum{}\textasciitilde{}"
        )
        assert escape_tex("3×3 é 网") == r"3$\times$3 é ?"
        # The letters of Latin-1 that OT1 has, but for those of Icelandic.
        assert escape_tex("À Ö Ø ß ÿ ÷Ðþ \x7f¿Ā") == "À Ö Ø ß ÿ ??? ???"


class TestMermaid:
    def test_edges_are_those_of_the_figure(self, attention56: CompiledNetwork) -> None:
        figure = draw(attention56, Request())
        lines = [line.strip() for line in figure.render("mermaid").decode().splitlines()]
        edges = [line.split() for line in lines if "->" in line]
        wires = [w for w in figure.page.panel.wires if w.source or w.target]
        # The network's own way out is no edge: it ends in no card.
        assert len(edges) == len(wires) - 1
        assert sum(arrow == "-.->" for _, arrow, _ in edges) == sum(w.dashed for w in wires)
        cards = {re.split(r"[\[({]", line.removeprefix("subgraph "))[0] for line in lines}
        assert {end for source, _, target in edges for end in (source, target)} <= cards
        starts = [line.split()[0] for line in lines]
        assert starts.count("subgraph") == starts.count("end")
        assert 'subgraph network["Attention-56"]' in lines

    def test_hostile_text_stays_text(self, hostile: CompiledNetwork) -> None:
        for line in render(hostile, "mermaid").decode().splitlines():
            if not line.startswith("%%"):
                words = re.sub(r"<br/>|-->|-\.->|(fill|stroke|color):#\w+", "", line)
                assert not set(words) & set("`&#<>")
                assert words.count('"') in (0, 2)


class TestPdf:
    def test_text_is_that_of_the_figure_and_its_font_is_in_the_file(
        self, attention56: CompiledNetwork
    ) -> None:
        figure = draw(attention56, Request())
        with PdfDocument(figure.render("pdf")) as document:
            (page,) = document
            panel = figure.page.panel
            size = (504, panel.height + 2 * MARGIN)
            assert page.get_size() == pytest.approx(size, abs=0.1)
            assert document.get_metadata_value("Title") == panel.title
            fonts = {font for font in map(_font_of, _texts(page)) if font}
            assert len(fonts) == 2
            read = Counter(page.get_textpage().get_text_bounded())
        drawn = Counter("".join(label.text for label in panel.all_labels()))
        for blank in " \r\n":  # a narrow space may be read as none
            del read[blank], drawn[blank]
        assert read == drawn
        assert list(figure.notes_on("pdf")) == []

    def test_every_label_is_as_wide_as_it_was_laid_out(self, attention56: CompiledNetwork) -> None:
        figure = draw(attention56, Request())
        with PdfDocument(figure.render("pdf")) as document:
            widths = [right - left for left, _, right, _ in map(_bounds, _texts(document[0]))]
        laid = sorted(label.bounds.width for label in figure.page.panel.all_labels())
        # The ink of a word ends before its advance does.
        assert all(ink <= room + 0.5 for ink, room in zip(sorted(widths), laid, strict=True))
        assert sum(widths) > 0.85 * sum(laid)

    def test_hostile_text_is_text(self, hostile: CompiledNetwork) -> None:
        with PdfDocument(render(hostile, "pdf")) as document:
            assert len(document) == 1

    def test_a_page_that_viewers_refuse_is_reduced(self, attention56: CompiledNetwork) -> None:
        """No viewer takes a side of more than 14,400 points (ISO 32000-1, annex C)."""
        figure = draw(attention56, Request())
        figure.page.panel = replace(figure.page.panel, height=100_000.0)
        with PdfDocument(figure.render("pdf")) as document:
            width, height = document[0].get_size()
        assert height == pytest.approx(14_400)
        assert width / height == pytest.approx(504 / (100_000 + 2 * MARGIN), rel=1e-3)
        (note,) = figure.notes_on("pdf")
        assert note.startswith("no pdf page is so long: it is drawn at 0.144 of its size")


def _texts(page: PdfPage) -> list[PdfObject]:
    return list(page.get_objects([FPDF_PAGEOBJ_TEXT]))


def _bounds(text: PdfObject) -> tuple[float, float, float, float]:
    return text.get_bounds()


def _font_of(text: PdfObject) -> str:
    """The name of the font if it is in the file."""
    font = FPDFTextObj_GetFont(text)
    name = create_string_buffer(80)
    FPDFFont_GetBaseFontName(font, name, 80)
    return name.value.decode() if FPDFFont_GetIsEmbedded(font) else ""


def test_png_is_large_enough_for_print(attention56: CompiledNetwork) -> None:
    from io import BytesIO

    from PIL import Image

    with Image.open(BytesIO(render(attention56, "png"))) as image:
        assert image.width == pytest.approx(504 / 72 * 300, abs=12)
        assert image.width / image.info["dpi"][0] == pytest.approx(7, abs=0.04)
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 20


def test_a_long_png_has_fewer_dots(attention56: CompiledNetwork) -> None:
    from io import BytesIO

    from PIL import Image

    figure = draw(attention56, Request())
    figure.page.panel = replace(figure.page.panel, height=20_000.0)
    with Image.open(BytesIO(figure.render("png"))) as image:
        assert 30_000 < image.height < 32_768
    assert any("dots per inch" in note for note in figure.notes_on("png"))


def test_characters_without_a_glyph_are_named(make: Callable[..., CompiledNetwork]) -> None:
    figure = draw(make(title="网 net, 3×3?"), Request())
    for format in ("pdf", "tikz"):
        (note,) = (note for note in figure.notes_on(format) if "glyph" in note)  # type: ignore[arg-type]
        assert "no glyph for U+7F51 and" in note
    assert list(figure.notes_on("svg")) == []


def test_accents_are_composed_and_joiners_stay(make: Callable[..., CompiledNetwork]) -> None:
    text = render(make(title="Re\u0301seau \u0646\u200c\u0647"), "svg").decode()
    assert "R\xe9seau \u0646\u200c\u0647" in text


def test_control_characters_reach_no_format(make: Callable[..., CompiledNetwork]) -> None:
    network = make(title="a\x00b\x1b[31m\u202e\nc\x7f")
    figure = draw(network, Request())
    for format in FORMATS:
        data = figure.render(format)
        if format not in ("png", "pdf"):
            assert not set(data.decode()) & set("\x00\x1b\x7f\u202e") - {"\n"}, format


def test_hostile_text_is_drawn_in_png(hostile: CompiledNetwork) -> None:
    assert render(hostile, "png").startswith(b"\x89PNG")


def test_json_states_shapes_and_counts(attention56: CompiledNetwork) -> None:
    data = json.loads(render(attention56, "json"))
    assert data["parameters"] == 31_810_728
    assert data["spec_sha256"] == attention56.loaded.sha256
    (page,) = data["panels"]
    gate = next(n for n in page["nodes"] if n["id"] == "module-stage1-attention1.gate")
    assert gate["scope"] == "stage1/attention1/gate"
    assert gate["shape"] == "56×56×256"
    assert gate["spec"] == "stages[0].attention"
    ids = {node["id"] for node in page["nodes"]} | {None}
    assert all({edge["from"], edge["to"]} <= ids for edge in page["edges"])


def test_every_class_has_a_colour_and_a_form_of_its_own() -> None:
    shown = [role for role in ROLES if role not in ("io", "other")]
    for theme in THEMES.values():
        assert len({theme.paint(role) for role in shown}) == len(shown)
    assert len({FORMS[role] for role in shown}) == len(shown)


@pytest.mark.parametrize("theme", ["paper", "dark", "cvd"])
def test_text_stands_out_from_what_it_is_on(theme: str) -> None:
    def luminance(color: str) -> float:
        values = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.03928 else ((v + 0.055) / 1.055) ** 2.4 for v in values]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(a: str, b: str) -> float:
        low, high = sorted((luminance(a), luminance(b)))
        return (high + 0.05) / (low + 0.05)

    found = THEMES[theme]
    for role in ROLES:
        assert contrast(found.text["ink"], found.paint(role).fill) >= 7, role
    for place in (found.page, found.paint("trunk").fill, found.paint("mask").fill):
        assert contrast(found.text["muted"], place) >= 4.5


def test_the_same_bytes_under_any_hash_seed(tmp_path: Path) -> None:
    sums = []
    for seed in ("0", "1"):
        folder = tmp_path / seed
        command = [sys.executable, "-m", "archcompiler", "diagram", "specs/attention56_cifar.toml"]
        formats = ",".join(FORMATS)
        subprocess.run(
            [*command, "--format", formats, "-o", str(folder)],
            check=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
        )
        sums.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()})
    assert len(sums[0]) == len(FORMATS)
    assert sums[0] == sums[1]
