"""Runs of `archcompiler train` as processes of their own, which can be killed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.gpu.setting import Setting


class Commands:
    """With the recipe `fashion_mnist` where its data are, and else with images of the package."""

    def __init__(self, setting: Setting, spec: str, batch: int) -> None:
        self.spec, self.out = spec, setting.out / spec
        self.given = [f"device={setting.device_name}", f"batch_size={batch}"]
        self.recipe = "smoke"
        if setting.data is not None:
            self.recipe = "fashion_mnist"
            self.given.append(f"data.path={setting.data.resolve()}")

    def start(
        self, name: str, settings: Sequence[str], *, resume: bool = False
    ) -> subprocess.Popen[bytes]:
        folder = self.out / name
        if not resume:
            shutil.rmtree(folder, ignore_errors=True)
        words = [sys.executable, "-m", "archcompiler", "train", self.spec]
        words += ["--recipe", self.recipe, "--out", str(folder), "--quiet"]
        words += [f"--set={setting}" for setting in (*self.given, *settings)]
        return subprocess.Popen([*words, "--resume"] if resume else words)

    def finish(self, name: str, settings: Sequence[str], *, resume: bool = False) -> Path:
        """The folder of a run that has ended. Raises CalledProcessError if it fails."""
        with self.start(name, settings, resume=resume) as process:
            code = process.wait()
        if code:
            raise subprocess.CalledProcessError(code, process.args)
        return self.out / name
