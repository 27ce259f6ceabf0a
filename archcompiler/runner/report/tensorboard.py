"""The metrics for TensorBoard, where it is installed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from archcompiler.diagnostics import CompileError, error
from archcompiler.runner.report.metrics import Row
from archcompiler.runner.store.writing import unwritable


class Board:
    """Writes events below `folder`; None writes nothing. Those of a run that has gone on after
    iteration `done` and then failed are forgotten. Raises CompileError: E707 if TensorBoard is not
    there, E710 if nothing can be written.
    """

    def __init__(self, folder: Path | None, done: int = 0) -> None:
        self._writer: Any = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise CompileError(
                error(
                    "E707",
                    "TensorBoard is not installed",
                    help="pip install 'archcompiler[tensorboard]'",
                )
            ) from None
        path = folder / "tensorboard"
        try:
            self._writer = SummaryWriter(str(path), purge_step=done + 1)
        except OSError as exc:
            raise CompileError(unwritable(path, exc, [])) from None

    def add(self, row: Row) -> None:
        """One line of the metrics."""
        if self._writer is None:
            return
        for key, value in row.items():
            if key not in ("iteration", "split"):
                self._writer.add_scalar(f"{row['split']}/{key}", value, row["iteration"])

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()
