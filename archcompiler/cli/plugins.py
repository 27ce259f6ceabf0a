"""pydantic without its plugins.

None has a part in our models, and looking for one opens every installed package. Even with plugins
off pydantic imports what it would look with, `importlib.metadata`, which is a twelfth of a build.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

OFF: Final = "__all__"
_VARIABLE: Final = "PYDANTIC_DISABLE_PLUGINS"
_LOADER: Final = "pydantic.plugin._loader"


class _NoLoader(ModuleType):
    """Has no plugins. Whatever else a version of pydantic wants of its loader has the real one."""

    def get_plugins(self) -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(_LOADER) is self:
            del sys.modules[_LOADER]
        return getattr(import_module(_LOADER), name)


def leave_out() -> None:
    """Before pydantic is imported; unless the environment says which plugins are wanted."""
    if os.environ.setdefault(_VARIABLE, OFF) == OFF and "pydantic" not in sys.modules:
        sys.modules.setdefault(_LOADER, _NoLoader(_LOADER))
