"""The newest revision of each settlement, for whoever may ask. Kept only where PETCT_INQUIRY is on.

`settlement.adjusted` has the records of one settlement in one partition, in their order. What stands among them is for
`streams/replay/standing.py` to say; a record at or before the offset that was taken last is a repeat.
"""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import Any

import faust
import orjson
import structlog

from schemas.codec import dumps
from schemas.topics import ADJUSTED
from streams.processors.board import moment_of
from streams.replay.standing import NOTHING, Emitted, Held, emitted, take
from streams.settings import WatchSettings
from streams.watch.app import End, bytes_table, bytes_topic, each

log = structlog.get_logger("petct.watch")

Record = dict[str, Any]


def fold(before: bytes | None, value: bytes, offset: int, at: int) -> bytes | None:
    """What is kept of a settlement after its next record; None for a record that is none of ours."""
    held: Record = {"offset": -1, "held": asdict(NOTHING), "records": {}}
    if before is not None:
        held = orjson.loads(before)
    if offset <= held["offset"]:
        return before
    new = emitted(value, offset, sha256(value).digest()[:8])
    if new is None:
        return None
    after = take(_read(held["held"]), new)
    records: Record = held["records"]
    for name, standing in (("decision", after.decision), ("undoing", after.undoing)):
        if standing is None:
            records.pop(name, None)
        elif standing.offset == offset:
            records[name] = {"record": orjson.Fragment(value), "at": at}
    return dumps({"offset": offset, "held": _plain(after), "records": records})


def answer(settlement_id: str, value: bytes) -> Record | None:
    """What is told of a settlement: the record that stands. None where there is none."""
    held = orjson.loads(value)
    stands = held["records"].get("undoing" if held["held"]["undone"] else "decision")
    if stands is None:
        return None
    return {"settlement_id": settlement_id, "record": stands["record"], "recorded_at": moment_of(stands["at"])}


def _plain(held: Held) -> Record:
    made = asdict(held)
    for name in ("decision", "undoing"):
        if made[name] is not None:
            made[name]["digest"] = made[name]["digest"].hex()
    return made


def _read(made: Record) -> Held:
    kept = {
        name: None if made[name] is None else Emitted(**{**made[name], "digest": bytes.fromhex(made[name]["digest"])})
        for name in ("decision", "undoing")
    }
    return Held(**{**made, **kept})


class Inquiry:
    """The agent and its table, partitioned as the topic is: whoever has the partition has the settlement."""

    def __init__(self, app: faust.App, settings: WatchSettings, end: End) -> None:
        self._table = bytes_table(app, "settlements")

        async def adjusted(stream: Any) -> None:
            await each(stream, self._take, end)

        app.agent(bytes_topic(app, settings.topic(ADJUSTED)), name="settlements")(adjusted)

    def find(self, settlement_id: str) -> Record | None:
        """None when this process does not have it; another may."""
        value = self._table.get(settlement_id.encode())
        return answer(settlement_id, value) if value is not None else None

    async def _take(self, event: Any) -> None:
        message = event.message
        if message.key is None or message.value is None:
            return
        before = self._table.get(message.key)
        after = fold(before, message.value, message.offset, round(message.timestamp * 1000))
        if after is None:
            log.error("a record of settlement.adjusted is none that this version reads", offset=message.offset)
            return
        self._table[message.key] = after
