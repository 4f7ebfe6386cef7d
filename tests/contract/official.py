"""The official JSON Schema of AsyncAPI, as its makers publish it: the npm package `@asyncapi/specs`."""

import json
from typing import Any, Final

from tests.npm import npm_file

PACKAGE: Final = "@asyncapi/specs@6.11.1"
SHA512: Final = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="


def asyncapi_schema() -> dict[str, Any]:
    """Of AsyncAPI 3.0.0. Raises NpmUnavailableError."""
    schema: dict[str, Any] = json.loads(npm_file("asyncapi-3.0.0.json", PACKAGE, SHA512, "package/schemas/3.0.0.json"))
    return schema
