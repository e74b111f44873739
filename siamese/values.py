"""Values as data: one declaration gives checks, JSON and the JSON schema.

A value is a pydantic dataclass: `@dataclass(frozen=True, slots=True, config=STRICT)`. It is made
and copied (`dataclasses.replace`) like any other and is checked each time; docstrings are the
descriptions in its schema.
"""

from functools import cache
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

# Types as they are declared (no True for 1, no "1" for 1), no key that is unknown, finite numbers.
STRICT = ConfigDict(
    strict=True,
    extra="forbid",
    allow_inf_nan=False,
    arbitrary_types_allowed=True,  # arrays, which say themselves how they become JSON, or do not
    use_attribute_docstrings=True,
)


class Value:
    """What all values can do."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON-serialisable data, as its JSON schema describes it; without pixels."""
        kind: Any = type(self)
        data: dict[str, Any] = adapter(kind).dump_python(self, mode="json")
        return data


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """What reads and writes values of a class, or of any other type."""
    return TypeAdapter(kind)


def complaint(error: ValidationError, whole: str) -> str:
    """What is wrong with a value, as the first words of a sentence that names the field.

    `whole` is what to call the value itself. Keys may come from a file that nobody trusts.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(readable(str(part)) for part in first["loc"]) or whole
    if first["type"] == "missing":
        return f"{where} is missing"
    if first["type"] == "unexpected_keyword_argument":
        return f"{where} is unknown to this program"
    if first["type"] == "value_error":
        return f"{where} {first['ctx']['error']}"
    message = first["msg"].removeprefix("Input ")
    return f"{where} {message}" if message != first["msg"] else f"{where}: {message}"


def readable(name: str) -> str:
    """A name from a file, fit for a sentence: not long, and nothing that a terminal obeys."""
    return name if name.isprintable() and len(name) <= 60 else repr(name)[:60]
