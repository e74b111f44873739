"""The API as an OpenAPI document, in place of Gradio's own.

That one names no required parameter, drops every description, has types that OpenAPI does not know
and says nothing of errors.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from starlette.requests import Request
from starlette.responses import JSONResponse

from siamese.answers import SCHEMA_VERSION, Pick, Verification
from ui import words

PATH = "/gradio_api/openapi.json"
_ANSWERS: dict[str, TypeAdapter[Any]] = {
    "verify": TypeAdapter(Verification),
    "pick": TypeAdapter(Pick),
}
_MODE: JsonSchemaMode = "serialization"
_REFUSAL = {
    "description": "The reason why there is no answer.",
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "One sentence for the person who asked."},
        "title": {
            "type": "string",
            "description": "Its stable code.",
            "enum": ["unreadable_image", "no_face", "bad_input", "error"],
        },
    },
    "required": ["error", "title"],
}
_FILE = {
    "description": "An uploaded file.",
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "What POST /gradio_api/upload answered."},
        "orig_name": {"type": "string", "description": "What to call the photo in messages."},
        "meta": {
            "type": "object",
            "properties": {"_type": {"const": "gradio.FileData"}},
            "required": ["_type"],
        },
    },
    "required": ["path", "meta"],
}


class _Answers(GenerateJsonSchema):
    """Of what comes back: every key is there, others may come, and no title repeats its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def field_is_required(self, field: Any, total: bool) -> bool:
        return True

    def default_schema(self, schema: Any) -> dict[str, Any]:
        return self.generate_inner(schema["schema"])

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        open_ended = super().dataclass_schema(schema)
        return {key: value for key, value in open_ended.items() if key != "additionalProperties"}


def outline(endpoint: str) -> dict[str, Any]:
    """The types of what `verify` or `pick` answers, one level deep: Gradio's page has one line."""
    schema = _ANSWERS[endpoint].json_schema(schema_generator=_Answers, mode=_MODE)
    return {
        "type": "object",
        "properties": {name: _shallow(item) for name, item in schema["properties"].items()},
    }


def _shallow(schema: dict[str, Any]) -> dict[str, Any]:
    """A property without its description and without what lies inside it."""
    if "$ref" in schema:
        return {"type": "object", "additionalProperties": {}}
    bare = {key: value for key, value in schema.items() if key != "description"}
    if "items" in bare:
        bare["items"] = _shallow(bare["items"])
    if isinstance(bare.get("additionalProperties"), dict):
        bare["additionalProperties"] = _shallow(bare["additionalProperties"])
    if "anyOf" in bare:
        bare["anyOf"] = [_shallow(kind) for kind in bare["anyOf"]]
    return bare


def answer(request: Request) -> JSONResponse:
    """The document, to whoever asks the server for it."""
    page = request.app.get_blocks()
    return JSONResponse(document(page.get_api_info()["named_endpoints"]))


def document(endpoints: dict[str, Any]) -> dict[str, Any]:
    """OpenAPI 3.1 for the endpoints that Gradio knows, described as it knows them."""
    _, answers = TypeAdapter.json_schemas(
        [(name, _MODE, adapter) for name, adapter in _ANSWERS.items()],
        ref_template="#/components/schemas/{model}",
        schema_generator=_Answers,
    )
    paths: dict[str, Any] = {"/gradio_api/upload": {"post": _upload()}}
    for path, endpoint in endpoints.items():
        name = path.strip("/")
        paths[f"/gradio_api/call/v2/{name}"] = {"post": _ask(name, endpoint)}
        paths[f"/gradio_api/call/{name}/{{event_id}}"] = {"get": _fetch(name)}
    # Names of decisions and warnings stand where they are used.
    schemas = {name: schema for name, schema in answers["$defs"].items() if "enum" not in schema}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": words.TITLE,
            "description": words.API_ABOUT,
            "version": str(SCHEMA_VERSION),
        },
        "paths": paths,
        "components": {"schemas": {**schemas, "File": _FILE, "Refusal": _REFUSAL}},
    }


def _upload() -> dict[str, Any]:
    body = {
        "type": "object",
        "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
        "required": ["files"],
    }
    return {
        "summary": words.API_UPLOAD,
        "operationId": "upload",
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": body}}},
        "responses": {
            "200": _json(
                "The paths of the files, to name them by.",
                {"type": "array", "items": {"type": "string"}},
            )
        },
    }


def _ask(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    photo = {"anyOf": [{"$ref": "#/components/schemas/File"}, {"type": "string"}]}
    body = parameters_schema(name, endpoint["parameters"], photo, words.PHOTO_FOR_API)
    started = {
        "type": "object",
        "properties": {"event_id": {"type": "string"}},
        "required": ["event_id"],
    }
    return {
        "summary": words.API[name].split(". ")[0] + ".",
        "description": f"{words.API[name]} {words.API_FETCH.format(name=name)}",
        "operationId": name,
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            "200": _json("The call waits or runs.", started),
            "400": _refused("The request itself makes no sense."),
            "413": _refused("The request is too large."),
        },
    }


def parameters_schema(
    endpoint: str, parameters: list[dict[str, Any]], photo: dict[str, Any], photo_words: str
) -> dict[str, Any]:
    """The JSON schema of an endpoint's parameters, by name, from Gradio's list of them.

    `photo` takes the place of Gradio's schema of a photo, `photo_words` says how to give one.
    """
    properties: dict[str, Any] = {}
    for item in parameters:
        name = item["parameter_name"]
        schema = {k: v for k, v in item["type"].items() if k != "additional_description"}
        if _is_photo(schema):
            schema = dict(photo)
        elif _is_photo(schema.get("items", {})):
            schema["items"] = photo
        if item["parameter_has_default"]:
            schema["default"] = item["parameter_default"]
        said = words.API_PARAMETERS[endpoint][name].format(photo=photo_words)
        properties[name] = schema | {"description": said}
    return {
        "type": "object",
        "properties": properties,
        "required": [p["parameter_name"] for p in parameters if not p["parameter_has_default"]],
        "additionalProperties": False,
    }


def _is_photo(schema: dict[str, Any]) -> bool:
    return any("meta" in kind.get("properties", {}) for kind in schema.get("anyOf", []))


def _fetch(name: str) -> dict[str, Any]:
    kind = {"verify": "Verification", "pick": "Pick"}[name]
    return {
        "summary": f"Fetch the answer to a call of {name}.",
        "operationId": f"{name}_answer",
        "parameters": [
            {"name": "event_id", "in": "path", "required": True, "schema": {"type": "string"}}
        ],
        "responses": {
            "200": {
                "description": words.API_EVENTS.format(kind=kind),
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        },
    }


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _refused(description: str) -> dict[str, Any]:
    return _json(description, {"$ref": "#/components/schemas/Refusal"})
