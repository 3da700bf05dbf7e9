"""``clarion mcp``: the MCP server on standard input and output, for an assistant on this machine."""

from __future__ import annotations


def mcp() -> None:
    """Serve an assistant over standard input and output, as the tenant of CLARION_TENANT, with every right."""
    import asyncio

    asyncio.run(_serve())


async def _serve() -> None:
    from typing import Any

    from mcp.server.context import ServerRequestContext
    from mcp.server.stdio import stdio_server

    from clarion.domain.rights import Rights
    from starter.cli.frame import installation
    from starter.mcp.server import McpTools
    from starter.rest.callers import Caller

    async with installation() as opened:
        # Whoever may start this process may do everything with the settings it reads.
        local = Caller("stdio", Rights.ADMIN, opened)

        def caller(_: ServerRequestContext[Any, Any]) -> Caller:
            return local

        server = McpTools(caller).server()
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())
