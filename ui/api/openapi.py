"""The API as an OpenAPI document, in place of Gradio's own.

That one names no required parameter, drops every description, has types that OpenAPI does not know
and says nothing of errors. What does not depend on the answers stands in openapi.yaml.
"""

from pathlib import Path
from string import Template
from typing import Any

import yaml
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from starlette.requests import Request
from starlette.responses import JSONResponse

from siamese.answers import SCHEMA_VERSION, Pick, Verification
from ui import words
from ui.api import english

PATH = "/gradio_api/openapi.json"
_ANSWERS: dict[str, TypeAdapter[Any]] = {
    "verify": TypeAdapter(Verification),
    "pick": TypeAdapter(Pick),
}
_MODE: JsonSchemaMode = "serialization"
# The document without what is said elsewhere; and the part that each call has.
_FRAME, _CALL = Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8").split("---", 1)


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
    found: dict[str, Any] = yaml.safe_load(_FRAME)
    found["info"] |= {"title": words.TITLE, "version": str(SCHEMA_VERSION)}
    # Names of decisions and warnings stand where they are used.
    schemas = {name: schema for name, schema in answers["$defs"].items() if "enum" not in schema}
    found["components"]["schemas"] |= schemas
    for path, endpoint in endpoints.items():
        found["paths"] |= _call(path.strip("/"), endpoint)
    return found


def _call(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The addresses of one call: where it is asked, and where its answer is fetched."""
    said, kind = english.ENDPOINTS[name], {"verify": "Verification", "pick": "Pick"}[name]
    summary = said.split(". ")[0] + "."
    text = Template(_CALL).substitute(name=name, kind=kind, summary=summary, description=said)
    found: dict[str, Any] = yaml.safe_load(text)
    photo = {"anyOf": [{"$ref": "#/components/schemas/File"}, {"type": "string"}]}
    schema = parameters_schema(name, endpoint["parameters"], photo, english.PHOTO_FOR_API)
    content = found[f"/gradio_api/call/v2/{name}"]["post"]["requestBody"]["content"]
    content["application/json"]["schema"] = schema
    return found


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
        said = english.PARAMETERS[endpoint][name].format(photo=photo_words)
        properties[name] = schema | {"description": said}
    return {
        "type": "object",
        "properties": properties,
        "required": [p["parameter_name"] for p in parameters if not p["parameter_has_default"]],
        "additionalProperties": False,
    }


def _is_photo(schema: dict[str, Any]) -> bool:
    return any("meta" in kind.get("properties", {}) for kind in schema.get("anyOf", []))
