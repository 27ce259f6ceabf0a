from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities
from unit.lsp.editing import capabilities, registered

SERVER = ClientServerConfig([sys.executable, "-m", "archcompiler", "lsp"])


@pytest_lsp.fixture(config=SERVER)
async def editor(lsp_client: LanguageClient, tmp_path: Path) -> AsyncIterator[None]:
    """An editor of what Visual Studio Code can do, which checks each answer by the protocol."""
    registered.clear()

    @lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)
    def register(params: types.RegistrationParams) -> None:
        registered.extend(params.registrations)

    can = client_capabilities("visual-studio-code")
    asked = types.InitializeParams(can, root_uri=tmp_path.as_uri(), workspace_folders=None)
    capabilities[:] = [(await lsp_client.initialize_session(asked)).capabilities]
    yield
    await lsp_client.shutdown_session()
    assert lsp_client._server is not None
    assert lsp_client._server.returncode == 0
