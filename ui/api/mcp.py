"""The API as tools of an MCP server, for assistants; on where GRADIO_MCP_SERVER is "true".

Gradio's own server is used, with what it lacks: answers that are JSON rather than Python's way to
print it, a code in every error, photos described as data URLs rather than as web addresses, which
are never fetched here.
"""

import json
import os
from typing import Any

import gradio.mcp
from gradio_client.exceptions import AppError

from ui.api import english
from ui.api.errors import first_sentence
from ui.api.openapi import parameters_schema


def switched_on() -> bool:
    """Whether Gradio will be told by its own environment variable to serve MCP."""
    return os.environ.get("GRADIO_MCP_SERVER", "").lower() == "true"


def install() -> None:
    """Make Gradio serve these tools; to be called before it starts its server."""
    # Imported here: it costs half a second, and most servers do without.
    from mcp import types
    from mcp.server import Server

    class Trusting(Server):
        """Leaves the values to `routes`: the library's objection repeats them, photos and all."""

        def call_tool(self, *, validate_input: bool = True) -> Any:
            return super().call_tool(validate_input=False)

    class Tools(gradio.mcp.GradioMCPServer):
        Server = Trusting

        def get_input_schema(
            self, tool_name: str, parameters: dict[str, str] | None = None
        ) -> tuple[dict[str, Any], list[list[str | int]]]:
            """The parameters of a tool, and where files are among them: nowhere."""
            path = self.tool_to_endpoint.get(tool_name)
            if path is None:
                raise ValueError(english.UNKNOWN_TOOL.format(name=tool_name))
            given = self.api_info["named_endpoints"][path]["parameters"]
            photo = {"type": "string"}  # a tool's caller has nothing to upload with
            return parameters_schema(path.strip("/"), given, photo, english.PHOTO_FOR_TOOLS), []

        def get_fn_description(self, block_fn: Any, tool_name: str) -> tuple[str, dict[str, str]]:
            """What a tool does and answers; its parameters are described in their schema."""
            name = self.tool_to_endpoint[tool_name].strip("/")
            return f"{english.ENDPOINTS[name]} {english.ANSWERS[name]}", {}

        def _prepare_tool_call_args(self, name: str, arguments: dict[str, Any]) -> Any:
            try:
                return super()._prepare_tool_call_args(name, arguments)
            except (TypeError, ValueError) as error:
                raise ValueError(f"bad_input: {first_sentence(error)}") from error

        async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
            try:
                return await super()._execute_tool_without_progress(job)
            except AppError as error:
                # As Gradio says it to clients that want to hear of progress.
                raise RuntimeError(f"{error.title}: {error.message}") from error

        def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
            """The answer as the JSON that it is."""
            return [
                types.TextContent(type="text", text=json.dumps(answer, ensure_ascii=False))
                for answer in data
            ]

    gradio.mcp.GradioMCPServer = Tools  # type: ignore[misc]
