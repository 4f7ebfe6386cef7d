"""`petct worker watch` for tests: a process with a folder of its own, asked through its read API."""

import asyncio
import json
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from schemas.topics import BOARD, DISCLOSURES
from streams.bus.topics import SETTLE, create_topics
from streams.processors.board import lists
from tests.broker.settling import PATIENCE, Scene
from tests.broker.workers import Worker, free_port

TOKEN = "token-of-a-test"
Lists = dict[tuple[str, str], dict[str, Any]]
WATCHED = (*SETTLE, BOARD)


class Watch(Worker):
    """Another process of the same scene needs another `name`."""

    api: int
    folder: Path

    @classmethod
    def of(cls, on: Scene, place: Path, name: str = "w0", **settings: str) -> "Watch":
        api = free_port()
        given = {
            "PETCT_KAFKA_BOOTSTRAP_SERVERS": on.settings.kafka_bootstrap_servers,
            "PETCT_TOPIC_PREFIX": on.settings.topic_prefix,
            "PETCT_SESSION_TIMEOUT_MS": "6000",
            "PETCT_WATCH_INSTANCE_ID": name,
            "PETCT_WATCH_FOLDER": str(place / name),
            "PETCT_WATCH_API_PORT": str(api),
            **settings,
        }
        made = cls(place / f"{name}.log", given, (sys.executable, "-m", "streams.cli", "worker", "watch"))
        made.api, made.folder = api, place / name
        return made

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.api}"

    def lose_folder(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, path: str, **headers: str) -> tuple[int, Any]:
        """Status and answer of the read API; (0, None) when nobody answers."""
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, None

    def days(self) -> dict[tuple[str, str], tuple[int, str]] | None:
        """Rows and version of every list there is; None while the process is not ready."""
        status, answer = self.ask("/v1/board/hospitals")
        if status != 200:
            return None
        found: dict[tuple[str, str], tuple[int, str]] = {}
        for hospital in answer["hospitals"]:
            place = f"/v1/board/hospitals/{hospital['code']}"
            for month in self.ask(place)[1].get("months", []):
                for day in self.ask(f"{place}/months/{month['month']}")[1].get("days", []):
                    found[hospital["code"], day["day"]] = (day["rows"], day["version"])
        return found

    def lists(self) -> Lists | None:
        """Every list there is; None while the process is not ready, or a list changes while we read."""
        days = self.days()
        if days is None:
            return None
        found: Lists = {}
        for (code, day), (rows, version) in days.items():
            _, one = self.ask(f"/v1/board/hospitals/{code}/days/{day}")
            if "list" not in one or one["version"] != version:
                return None
            assert rows == len(one["list"]["rows"])
            found[code, day] = one["list"]
        return found


async def create_watched_topics(on: Scene) -> None:
    await create_topics(on.settings, 4, 1, WATCHED)


async def lists_by_the_topic(on: Scene) -> Lists:
    """What must be on the lists, from every disclosure record there is, with its time."""
    records = [(json.loads(record.value), record.timestamp) for record in await on.records(DISCLOSURES)]
    return {(held.hospital.code, held.day): json.loads(json.dumps(held.plain())) for held in lists(records)}


async def until_lists_are(watch: Watch, wanted: Lists) -> None:
    """Raises TimeoutError, with what differs in the output of the test."""
    seen: list[Lists | None] = [None]
    numbers = {place: len(held["rows"]) for place, held in wanted.items()}

    def same() -> bool:
        assert watch.running, watch.said()
        days = watch.days()
        if days is None or {place: rows for place, (rows, _) in days.items()} != numbers:
            return False
        seen[0] = watch.lists()
        return seen[0] == wanted

    try:
        async with asyncio.timeout(3 * PATIENCE):
            while not await asyncio.to_thread(same):  # noqa: ASYNC110 - a process tells nobody
                await asyncio.sleep(0.2)
    except TimeoutError:
        held = seen[0] or {}
        differing = [place for place in {*held, *wanted} if held.get(place) != wanted.get(place)]
        print(f"{len(held)} lists instead of {len(wanted)}; {len(differing)} differ, such as {differing[:3]}")
        raise
