"""The board agent: keeps of every disclosure what stands now. Keyed and partitioned as `settlement.disclosures` is."""

from __future__ import annotations

from typing import Any

import faust

from schemas.topics import DISCLOSURES
from streams.watch.app import bytes_table, bytes_topic


def add_board(app: faust.App, prefix: str = "") -> None:
    disclosures = bytes_topic(app, prefix + DISCLOSURES)
    standing = bytes_table(app, "disclosures")

    @app.agent(disclosures, name="board")
    async def board(stream: Any) -> None:
        async for event in stream.events():
            standing[event.key] = event.value
