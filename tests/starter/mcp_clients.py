"""Assistants: MCP clients of the SDK that use our tools as somebody of a tenant with some rights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

from mcp import Client
from mcp.server.context import ServerRequestContext
from mcp.types import CallToolResult, TextContent, Tool

from clarion.domain.rights import Rights
from starter.mcp.server import McpTools
from starter.rest.callers import Caller
from starter.wiring import Installation


@dataclass
class Assistant:
    """Somebody who connects anew for every question, as anyio's scopes must end in the task that began them."""

    connect: Callable[[], AbstractAsyncContextManager[Client]]

    async def ask(self, tool: str, /, **arguments: object) -> dict[str, Any]:
        """Call a tool that does what it is asked, and return its structured answer."""
        answer = await self._call(tool, arguments)
        assert not answer.is_error, said(answer)
        assert isinstance(answer.structured_content, dict)
        return answer.structured_content

    async def refused(self, tool: str, /, **arguments: object) -> str:
        """Call a tool that refuses, and return its sentence."""
        answer = await self._call(tool, arguments)
        assert answer.is_error, said(answer)
        assert answer.structured_content is None
        return said(answer)

    async def tools(self) -> list[Tool]:
        """Return what there is."""
        async with self.connect() as client:
            return (await client.list_tools()).tools

    async def _call(self, tool: str, arguments: dict[str, object]) -> CallToolResult:
        async with self.connect() as client:
            return await client.call_tool(tool, arguments)


def said(answer: CallToolResult) -> str:
    """Return the text of an answer."""
    (block,) = answer.content
    assert isinstance(block, TextContent)
    return block.text


def assistant(clarion: Installation, rights: Rights = Rights.OPERATE) -> Assistant:
    """Return one that connects in memory."""

    def caller(_: ServerRequestContext[Any, Any]) -> Caller:
        return Caller("test", rights, clarion)

    server = McpTools(caller).server()
    return Assistant(lambda: Client(server))
