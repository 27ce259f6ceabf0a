"""Every code block of the documents is run, or checked, or has a reason why not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest
import torch
from documents import ROOT
from PIL import Image
from shipped import EVERY_SPEC
from snippets import Block, Walk, blocks, marks

IMAGES: Final = {
    "--epochs 20": "--epochs 1",
    "--epochs 50": "--epochs 1",
    "--from attention56 ": "--from attention56_cifar ",
    "--input 128": "--input 32",
    "epochs  = 50": "epochs  = 1",
    "--data photos": "--data photos --set data.workers=0 --set device=cpu",
    "--set optimizer.lr=0.05": "--set optimizer.lr=0.05 --epochs 1",
    "--data others": "--data others --set data.workers=0 --set device=cpu --epochs 1",
}
SMOKE: Final = {
    "--recipe smoke": "--recipe smoke --set iterations=2 --set evaluation_images=20",
    "eval runs/smoke": "eval runs/smoke --images 20",
}
PLACEHOLDER: Final = "SPEC and RECIPE stand for others"
LAUNCHER: Final = "needs several machines; tests/unit/runner/ starts processes of its own"
EXPORTED: Final = (
    "tests/unit/runner/export/test_networks.py::test_an_export_for_inference_has_the_weights_folded"
)
TRANSFERRED: Final = "tests/unit/foreign/test_transfer.py::test_logits_are_theirs_in_float64"
SHOWN_AUDIT: Final = "tests/test_documents.py::test_the_audit_that_is_shown"
DECOMPILED: Final = (
    "tests/unit/foreign/test_decompile.py::test_the_page_shows_what_comes_of_its_module"
)
LAYOUT: Final = "tests/unit/foreign/test_transfer.py::test_a_checkpoint_is_read_by_a_layout"
STUDIED: Final = "tests/unit/study/test_command.py::test_a_study_that_dies_goes_on_exactly"
REPORTED: Final = "tests/unit/study/test_command.py::test_the_table_is_what_the_runs_come_to"
NIGHTLY: Final = "takes seconds to compile, and runs every night"
ON_ONE_PAGE: Final = "tests/test_snippets.py::test_what_a_page_shows_runs"
"""What the README runs as it is, and other pages every night."""
SET_UP: Final = "makes the environment that the tests are run in, in .ci/run"

MISTAKEN: Final = """\
name    = "attention92"
input   = [3, 32, 32]
classes = 10
unit    = "resnxt"

[stem]
type     = "conv"
channels = 16

[[stages]]
channels = 60
modlues  = 2
depth    = 3
"""
CORRECTED: Final = (
    MISTAKEN.replace("resnxt", "resnext")
    .replace("modlues", "modules")
    .replace("depth    = 3", "depth    = 6")
)


def shipped_specs(folder: Path) -> None:
    """`specs/` as in a checkout."""
    shutil.copytree(ROOT / "specs", folder / "specs")


def two_mistakes(folder: Path) -> None:
    """The spec that the README checks, as it is first, and two images."""
    shipped_specs(folder)
    photographs(folder)
    (folder / "my.toml").write_text(MISTAKEN, encoding="utf-8")
    clothes(folder)


def put_right(folder: Path) -> None:
    (folder / "my.toml").write_text(CORRECTED, encoding="utf-8")


def run_folder(folder: Path) -> None:
    """What the page on training looks at."""
    shipped_specs(folder)
    photographs(folder)
    clothes(folder)


def clothes(folder: Path) -> None:
    for name in ("shoe.png", "bag.png"):
        Image.new("L", (28, 28), 77).save(folder / name)


def committed(folder: Path) -> None:
    """A repository with a spec that has changed since."""
    spec = folder / "my.toml"
    spec.write_text('extends = "attention56"\nname = "my"\n', encoding="utf-8")
    for command in ("init -q -b main", "add .", "commit -q -m first"):
        git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *command.split()]
        subprocess.run(git, cwd=folder, check=True)
    spec.write_text('extends = "attention92"\nname = "my"\n', encoding="utf-8")


def photographs(folder: Path) -> None:
    """Two folders of two classes, with a few images in each."""
    for name, classes in (("photos", ("cat", "dog")), ("others", ("bee", "fly", "moth"))):
        for index, kind in enumerate(classes):
            (folder / name / kind).mkdir(parents=True)
            for number in range(10):
                image = Image.new("RGB", (40, 36), (60 * index, 20 * number, 99))
                image.save(folder / name / kind / f"{number:04}.jpg")


@dataclass(frozen=True)
class Page:
    """What a page needs before it is walked, and how it is made quick."""

    prepare: Callable[[Path], None] = lambda folder: None
    before: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)
    """By how a block begins, what is to happen first."""
    swaps: Mapping[str, str] = field(default_factory=dict)
    """What is made quick, by what stands in place of it."""
    skips: Mapping[str, str] = field(default_factory=dict)
    """Blocks and commands by how they begin, and why they are not run, or the test that does."""
    needs: tuple[str, ...] = ()


DOCUMENTS: Final = [
    path.relative_to(ROOT).as_posix()
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
]
PAGES: Final[Mapping[str, Page]] = {
    "README.md": Page(
        two_mistakes,
        before={"$ archcompiler check my.toml\nwarning": put_right},
        swaps={
            "randn(8": "randn(2",
            "--epochs 20": "--epochs 1",
            "--data photos": "--data photos --set data.workers=0 --set device=cpu",
            **SMOKE,
        },
        skips={"python3 -m venv": SET_UP, ".venv/bin/pip": SET_UP},
    ),
    "CONTRIBUTING.md": Page(
        skips={
            "python3 -m venv": SET_UP,
            "pre-commit install": "changes the hooks of a checkout",
            "from collections.abc import Iterable, Mapping": (
                "tests/test_documents.py::test_the_operator_of_contributing"
            ),
            "from collections.abc import Iterator": (
                "tests/test_documents.py::test_the_pass_of_contributing"
            ),
        }
    ),
    "docs/implementations.md": Page(
        skips={
            "archcompiler audit model.py": SHOWN_AUDIT,
            "archcompiler weights gluon56": TRANSFERRED,
            "archcompiler weights resnet50": LAYOUT,
            "archcompiler train resnet50": LAYOUT,
        },
    ),
    "docs/guides/images.md": Page(
        photographs,
        swaps=IMAGES,
        skips={} if EVERY_SPEC else {"archcompiler export runs/photos": ON_ONE_PAGE},
    ),
    "docs/guides/backbone.md": Page(
        skips={} if EVERY_SPEC else {"import numpy as np": NIGHTLY},
        needs=("lightning", "accelerate"),
    ),
    "docs/guides/decompile.md": Page(skips={"archcompiler decompile": DECOMPILED}),
    "docs/guides/deployment.md": Page(
        skips={
            "archcompiler export runs/smoke --deploy": EXPORTED,
            "import openvino": EXPORTED,
        }
    ),
    "docs/guides/jax.md": Page(
        skips={
            "archcompiler verify small.toml": "tests/test_jax.py::test_the_command_verifies",
            **({} if EVERY_SPEC else {"@nnx.jit": NIGHTLY}),
        },
        needs=("flax", "jax", "optax"),
    ),
    "docs/guides/studies.md": Page(
        skips={
            "archcompiler study study.toml --out runs/study --report": REPORTED,
            "archcompiler study study.toml --out": STUDIED,
            "sbatch": LAUNCHER,
            "torchrun": LAUNCHER,
        },
    ),
    "docs/guides/training.md": Page(
        run_folder,
        swaps={
            **SMOKE,
            "--data photos": "--data photos --set data.workers=0 --set device=cpu --epochs 1",
            "train attention92": "train attention56_cifar",
            "--epochs 50": "--epochs 1",
        },
        skips={
            "archcompiler train SPEC": PLACEHOLDER,
            "archcompiler train attention56_cifar --set classes=20": "needs ImageNet",
            "archcompiler export runs/pets": "needs the run above",
            **({} if EVERY_SPEC else {"archcompiler export runs/smoke": ON_ONE_PAGE}),
            "srun": LAUNCHER,
            "torchrun": LAUNCHER,
        },
    ),
    "docs/pull-requests.md": Page(committed),
    "docs/reference/errors.md": Page(
        skips={"": "tests/test_explained.py::test_the_examples_of_a_code"}
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_what_a_page_shows_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGES.get(name, Page())
    missing = tuple(module for module in page.needs if find_spec(module) is None)
    assert not missing or "CI" not in os.environ
    page.prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    torch.set_num_threads(1)
    walk = Walk(tmp_path, page.swaps, page.skips, missing)
    with no_modules_of(tmp_path):
        for block in blocks(ROOT / name):
            for start, prepare in page.before.items():
                if block.text.startswith(start):
                    prepare(tmp_path)
            walk.take(block)
    assert walk.used == {*page.swaps, *page.skips}, "swaps or skips that nothing needs"
    if missing:
        pytest.skip(f"all but what imports {' and '.join(missing)}")


@contextmanager
def no_modules_of(folder: Path) -> Iterator[None]:
    """Forget modules that are imported from a folder."""
    before, path = {*sys.modules}, [*sys.path]
    try:
        yield
    finally:
        sys.path[:] = path
        for name in {*sys.modules} - before:
            module = sys.modules[name]
            places = [getattr(module, "__file__", None), *getattr(module, "__path__", ())]
            if any(place and Path(place).is_relative_to(folder) for place in places):
                del sys.modules[name]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_block_is_out_of_sight(name: str) -> None:
    assert len(marks(ROOT / name)) == 2 * len([*blocks(ROOT / name)])


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("", "archcompiler list\n"),
        ("perl", "print 1\n"),
        ("console", "$ archcompiler list specs\nnothing\n"),
        ("sh", "archcompiler check nowhere.toml\n"),
        ("sh", "archcompiler list --no-such-option\n"),
        ("sh", "rm -r /tmp/nothing\n"),
        ("sh", "pip install somebody-elses\n"),
        ("sh", "pip install 'archcompiler[nothing]'\n"),
        ("python", "import nowhere\n"),
        ("python", "class Nobody(nn.Module):\n    pass\n"),
        ("toml", "input = [3, 32\n"),
        ("toml", "clases = 10\n"),
        ("toml", "epochs = -1\n"),
        ("yaml", "run: archcompiler chek\n"),
        ("ini", "a b\n"),
        ("latex", "\\includegraphics{nowhere.pdf}\n"),
    ],
)
def test_a_wrong_block_is_seen(
    language: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((AssertionError, ImportError, ValueError)) as caught:
        Walk(tmp_path).take(Block("page.md", 7, language, text))
    notes = getattr(caught.value, "__notes__", ())
    assert "page.md:7" in "".join((str(caught.value), *notes))


def test_every_page_that_is_prepared_is_there() -> None:
    assert set(DOCUMENTS) >= PAGES.keys()


REASONS = sorted({reason for page in PAGES.values() for reason in page.skips.values()})


@pytest.mark.parametrize("reason", REASONS)
def test_a_block_that_is_not_run_has_a_test(reason: str) -> None:
    file, _, test = reason.partition("::")
    assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8")
