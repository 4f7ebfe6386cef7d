"""What the interface does not carry and a platform adds: the object `petct` within `exp_content`.

Its fields are those of the settlement event, under the same names (docs/nhsa.md).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from schemas.nhsa.values import node

NAME: Final = "petct"
_SPELLINGS: Final = ("exp_content", "expContent")


def extension(holder: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """The extension object of a node, and what is wrong with it. `exp_content` may be JSON within a string."""
    for spelling in _SPELLINGS:
        content = holder.get(spelling)
        if content is None or content == "":
            continue
        if type(content) is str:
            try:
                content = orjson.loads(content)
            except orjson.JSONDecodeError:
                # Whoever puts nothing of ours there may put there what he wants.
                return {}, f"{spelling}: expected JSON" if NAME in content else None
        ours = node(content).get(NAME)
        if ours is None:
            continue
        if type(ours) is not dict:
            return {}, f"{spelling}.{NAME}: expected an object"
        return ours, None
    return {}, None
