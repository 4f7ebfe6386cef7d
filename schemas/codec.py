"""JSON as this project writes it: UTF-8, sorted keys, no blanks, so that the same answer is the same bytes."""

from __future__ import annotations

from typing import Any

import orjson


def dumps(record: Any) -> bytes:
    return orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
