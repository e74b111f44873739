"""The MCP server, asked by the protocol's own client over HTTP."""

import asyncio
import base64
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import ClientSession, types
from mcp.client.streamable_http import streamable_http_client
from pydantic import TypeAdapter

from siamese.answers import SCHEMA_VERSION, Pick, Verification
from tests import app_server, pictures
from tests.visitor import post

SECRET = base64.b64encode(b"a secret that is no picture, for the tools").decode()
NO_PICTURE = f"data:image/png;base64,{SECRET}"
WEB = "https://example.org/photo.jpg"


@pytest.fixture(scope="module")
def photo() -> str:
    body = base64.b64encode(pictures.encoded(pictures.portrait(), "JPEG")).decode()
    return f"data:image/jpeg;base64,{body}"


def converse(server: app_server.Server, *calls: tuple[str, dict[str, Any], bool]) -> list[Any]:
    """The server's list of tools, and its results of calls (tool, arguments, with progress)."""

    async def talk() -> list[Any]:
        url = f"{server.url}gradio_api/mcp/"
        async with (
            streamable_http_client(url) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            answers: list[Any] = [(await session.list_tools()).tools]
            for name, arguments, progress in calls:
                answers.append(
                    await session.call_tool(
                        name, arguments, progress_callback=_ignore if progress else None
                    )
                )
            return answers

    # In a thread of its own: a browser that another test left open has a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, talk()).result()


async def _ignore(progress: float, total: float | None, message: str | None) -> None:
    pass


def words(result: types.CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


def test_there_are_two_tools_with_proper_descriptions(server: app_server.Server) -> None:
    (tools,) = converse(server)
    assert [tool.name for tool in tools] == ["verify", "pick"]
    for tool, photos in zip(tools, (["first", "second"], ["query", "support"]), strict=True):
        for promise in ("Photos are not kept", "Not for access control", "Answers with JSON"):
            assert promise in tool.description
        assert "upload" not in tool.description
        Draft202012Validator.check_schema(tool.inputSchema)
        assert tool.inputSchema["required"] == photos
        for name in photos:
            parameter = tool.inputSchema["properties"][name]
            assert parameter.get("items", parameter)["type"] == "string"
            assert "data URL" in parameter["description"]
        for parameter in tool.inputSchema["properties"].values():
            assert parameter["description"].endswith(".")
        assert "http" not in json.dumps(tool.inputSchema)


def valid(kind: type, text: str) -> dict[str, Any]:
    """An answer, if it is as its type declares."""
    answer: dict[str, Any] = json.loads(text)
    Draft202012Validator(TypeAdapter(kind).json_schema(mode="serialization")).validate(answer)
    return answer


@pytest.mark.parametrize("progress", [False, True])
def test_tools_answer_as_the_package_does(
    progress: bool, server: app_server.Server, photo: str, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(base64.b64decode(photo.partition(",")[2]))
    here = app_server.verifier().verify(tmp_path / "a.jpg", tmp_path / "a.jpg", prior=0.1)
    _, pair, pick = converse(
        server,
        ("verify", {"first": photo, "second": photo, "prior": 0.1}, progress),
        ("pick", {"query": photo, "support": [photo, NO_PICTURE], "names": ["a", "b"]}, progress),
    )
    assert not pair.isError and not pick.isError
    verified = valid(Verification, words(pair))
    assert verified["schema_version"] == SCHEMA_VERSION
    assert verified["probability"] == pytest.approx(here.probability, rel=1e-3)
    assert verified["checkpoint"] == here.origin.to_dict()
    picked = valid(Pick, words(pick))
    assert picked["identity"] == "a"
    assert [photo["code"] for photo in picked["unusable"]] == ["unreadable_image"]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("verify", {"first": WEB, "second": WEB}, "unreadable_image: Web addresses are not fetched"),
    ("verify", {"first": "/etc/passwd", "second": "x"}, "unreadable_image: Web addresses are not"),
    ("verify", {"first": NO_PICTURE, "second": NO_PICTURE}, "unreadable_image: The first photo"),
    ("pick", {"query": NO_PICTURE, "support": []}, "unreadable_image: The query"),
    ("verify", {"first": NO_PICTURE}, "bad_input: No value provided for required argument: second"),
    ("verify", {"first": [NO_PICTURE], "second": ""}, "bad_input: “first” has to be a data URL"),
    ("verify", {"first": "", "second": "", "prior": "x"}, "bad_input: “prior” has to be a number"),
    ("pick", {"query": "", "support": NO_PICTURE}, "bad_input: “support” has to be a list"),
    ("verify", {"lucky": NO_PICTURE}, "bad_input: Parameter `lucky` is not"),
    ("nothing", {"first": NO_PICTURE}, "bad_input: There is no tool called “nothing”"),
]


@pytest.mark.parametrize("progress", [False, True])
def test_a_wrong_call_gets_a_code_and_a_sentence(progress: bool, server: app_server.Server) -> None:
    _, *results = converse(server, *((name, given, progress) for name, given, _ in WRONG))
    for result, (_, _, expected) in zip(results, WRONG, strict=True):
        assert result.isError
        assert words(result).startswith(expected)
        assert words(result).endswith(".")
        assert words(result).count(". ") == 0
        assert SECRET not in words(result)
    assert SECRET not in server.log.read_text()


def test_no_file_of_the_server_and_no_web_address_can_be_named(server: app_server.Server) -> None:
    for path in ("/etc/passwd", WEB):
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        call = {"name": "verify", "arguments": {"first": file, "second": file}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        status, body = post(server, "gradio_api/mcp/", message)
        assert status == 400
        assert json.loads(body)["title"] == "bad_input"
