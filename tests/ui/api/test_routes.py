"""What the API says of itself, and what it answers to requests that are wrong: raw HTTP."""

import base64
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from siamese import answers
from tests import app_server, pictures
from tests.visitor import get, post, upload
from ui.api import english

NO_PICTURE = "data:image/png;base64," + base64.b64encode(b"a secret that is no picture").decode()


@functools.cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get(app_server.running(), "gradio_api/openapi.json")[1])
    return found


@functools.cache
def photo() -> str:
    body = base64.b64encode(pictures.encoded(pictures.portrait(), "JPEG")).decode()
    return f"data:image/jpeg;base64,{body}"


def ask(server: app_server.Server, name: str, parameters: Any) -> tuple[str, Any]:
    """The last event of a call and its data; "refused" and the body where the call is not taken."""
    status, body = post(server, f"gradio_api/call/v2/{name}", parameters)
    if status != 200:
        assert status in (400, 404)
        return "refused", json.loads(body)
    stream = get(server, f"gradio_api/call/{name}/{json.loads(body)['event_id']}")[1].decode()
    event, data = stream.strip().split("\n\n")[-1].split("\n")
    return event.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def valid(name: str) -> Draft202012Validator:
    """Checks data against a schema of the OpenAPI document."""
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": document()["components"]}
    )


def parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON document."""
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from parts(child)


def body_of(name: str) -> dict[str, Any]:
    operation = document()["paths"][f"/gradio_api/call/v2/{name}"]["post"]
    found: dict[str, Any] = operation["requestBody"]["content"]["application/json"]["schema"]
    return found


def test_the_document_is_sound() -> None:
    assert document()["openapi"].startswith("3.1")
    assert document()["info"]["version"] == str(answers.SCHEMA_VERSION)
    schemas = document()["components"]["schemas"]
    assert {"Verification", "Pick", "Refusal", "File"} <= set(schemas)
    for kind in (*schemas.values(), body_of("verify"), body_of("pick")):
        Draft202012Validator.check_schema(kind)
    for part in parts(document()):
        if "$ref" in part:
            assert part["$ref"].removeprefix("#/components/schemas/") in schemas


@pytest.mark.parametrize("name", ["verify", "pick"])
def test_every_parameter_is_described(name: str) -> None:
    body = body_of(name)
    assert list(body["properties"]) == list(english.PARAMETERS[name])
    assert all(len(item["description"]) > 20 for item in body["properties"].values())
    photos = {"verify": ["first", "second"], "pick": ["query", "support"]}[name]
    assert body["required"] == photos
    for parameter in set(body["properties"]) - set(photos):
        assert "default" in body["properties"][parameter]


def test_answers_are_what_the_document_says(server: app_server.Server) -> None:
    event, (answer,) = ask(server, "verify", {"first": photo(), "second": photo()})
    assert event == "complete"
    valid("Verification").validate(answer)
    assert answer["schema_version"] == answers.SCHEMA_VERSION
    event, (answer,) = ask(
        server, "pick", {"query": photo(), "support": [photo(), NO_PICTURE], "names": ["a", "b"]}
    )
    assert event == "complete"
    valid("Pick").validate(answer)
    assert (answer["identity"], answer["unusable"][0]["code"]) == ("a", "unreadable_image")
    with pytest.raises(ValidationError):
        valid("Verification").validate(answer)


def test_blanks_around_a_name_do_not_make_another_person(server: app_server.Server) -> None:
    support = {"support": [photo(), photo(), photo()], "names": ["Ann", " Ann ", "Bob\n"]}
    event, (answer,) = ask(server, "pick", {"query": photo(), **support})
    assert event == "complete"
    found = {person["identity"]: person["num_photos"] for person in answer["ranking"]}
    assert found == {"Ann": 2, "Bob": 1}


def test_the_requests_of_the_tests_are_what_the_document_says() -> None:
    checker = Draft202012Validator(body_of("pick") | {"components": document()["components"]})
    checker.validate({"query": photo(), "support": [photo()], "names": ["a"], "none_prior": 0.1})
    for wrong in ({"query": photo()}, {"query": 5, "support": []}, {"query": "", "lucky": 1}):
        assert not checker.is_valid(wrong)


PAIR: dict[str, Any] = {"first": NO_PICTURE, "second": NO_PICTURE}
SET: dict[str, Any] = {"query": NO_PICTURE, "support": [NO_PICTURE]}


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("verify", {"first": NO_PICTURE}, "second"),
        ("verify", PAIR | {"lucky": 1}, "lucky"),
        ("verify", PAIR | {"first": 5}, "“first” has to be a data URL"),
        ("verify", PAIR | {"second": None}, "“second” has to be a data URL"),
        ("verify", PAIR | {"second": [NO_PICTURE]}, "“second” has to be a data URL"),
        ("verify", PAIR | {"first": {"path": 5}}, "“first” has to be a data URL"),
        ("verify", PAIR | {"prior": "0.5"}, "“prior” has to be a number"),
        ("verify", PAIR | {"prior": None}, "“prior” has to be a number"),
        ("verify", PAIR | {"prior": True}, "“prior” has to be a number"),
        ("verify", PAIR | {"first_face": 0.5}, "“first_face” has to be a whole number"),
        ("verify", PAIR | {"second_face": "0"}, "“second_face” has to be a whole number"),
        ("verify", PAIR | {"more_faces": "no"}, "“more_faces” has to be true or false"),
        ("verify", PAIR | {"operating_point": []}, "“operating_point” has to be the name"),
        ("pick", SET | {"support": NO_PICTURE}, "“support” has to be a list"),
        ("pick", SET | {"support": None}, "“support” has to be a list"),
        ("pick", SET | {"support": [[NO_PICTURE]]}, "“support” has to be a list"),
        ("pick", SET | {"names": "a"}, "“names” has to be a list of names"),
        ("pick", SET | {"names": [5]}, "“names” has to be a list of names"),
        ("pick", SET | {"names": [" "]}, "“names” has to be a list of names"),
        ("pick", SET | {"none_prior": {}}, "“none_prior” has to be a number"),
        ("nothing", PAIR, "nothing at this address"),
    ],
)
def test_a_wrong_request_gets_a_sentence_and_a_code(
    name: str, parameters: dict[str, Any], words: str, server: app_server.Server
) -> None:
    event, answer = ask(server, name, parameters)
    assert event in ("error", "refused")
    assert answer["title"] == "bad_input"
    assert words in answer["error"]
    assert answer["error"].endswith(".")
    assert answer["error"].count(". ") == 0
    valid("Refusal").validate(answer)


@pytest.mark.parametrize("body", ["", "nonsense", "[]", '{"data": 5}', "[" * 100_000, "\ud800"])
def test_a_request_that_is_not_a_json_object_gets_a_sentence(
    body: str, server: app_server.Server
) -> None:
    for path in ("call/verify", "call/v2/verify"):
        status, answer = post(server, f"gradio_api/{path}", None, body.encode("utf-8", "replace"))
        assert status == 400
        assert json.loads(answer)["title"] == "bad_input"


def test_a_call_with_too_few_values_is_refused_and_not_logged(server: app_server.Server) -> None:
    """Gradio prints the values that came, into the log."""
    status, body = post(server, "gradio_api/call/verify", {"data": [NO_PICTURE, NO_PICTURE]})
    assert status == 200
    answer = get(server, f"gradio_api/call/verify/{json.loads(body)['event_id']}")[1].decode()
    assert "This call takes 8 values, of which 2 came." in answer
    assert "bad_input" in answer
    assert NO_PICTURE not in server.log.read_text()


def test_an_answer_that_is_not_there_is_refused_in_a_sentence(server: app_server.Server) -> None:
    """Fetched once already, never asked for, or asked for by the address of another method."""
    body = post(server, "gradio_api/call/v2/verify", {"first": NO_PICTURE, "second": NO_PICTURE})[1]
    address = f"gradio_api/call/verify/{json.loads(body)['event_id']}"
    assert get(server, address)[0] == 200
    before = server.log.read_text()  # other tests' requests stand in there too
    for path in (address, "gradio_api/call/verify/0", "gradio_api/call/v2/verify"):
        status, refused = get(server, path)
        assert status == 404
        assert json.loads(refused)["error"].startswith("There is no answer with this number")
    assert "internal error" not in server.log.read_text().removeprefix(before)


def test_uploads_of_a_wrong_request_are_deleted_too(server: app_server.Server) -> None:
    path = upload(server, "a.png", b"no picture")
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event, answer = ask(server, "verify", {"first": file, "second": NO_PICTURE, "prior": "high"})
    assert (event, answer["title"]) == ("error", "bad_input")
    assert not Path(path).exists()
