"""What stands for every settlement and disclosure of one partition, in a file: ten million fit, memory stays small.

An embedded SQLite database in a temporary folder. It is built from the topics at every start and never trusted after a
crash, so it needs neither journal nor fsync.
"""

from __future__ import annotations

import hashlib
import marshal
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from streams.replay.standing import Disclosed, Emitted, Held

_CACHE_KIB: Final = 32 * 1024
_AT_ONCE: Final = 5_000
_SLOTS: Final = 1 << 22
_TABLES: Final = ("settlements", "disclosures")


def digest(value: bytes, rulebook: bytes) -> bytes:
    """Of a record's bytes without the rulebook's hash: alike where another rulebook says the same in the same words."""
    return hashlib.sha256(value.replace(rulebook, b"")).digest()[:12]


def slot(key: bytes) -> bytes:
    """The key of a row: 16 bytes, whatever the length of the id."""
    return hashlib.blake2b(key, digest_size=16).digest()


class Store:
    """Rows by id, many at once. A context manager: its file goes with it."""

    def __init__(self, path: Path) -> None:
        # Autocommit off, one endless transaction: nothing of this outlives the process.
        # Few statements kept: a question about 4,321 settlements is another one than about 4,322, and each takes room.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=8)
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            f"PRAGMA cache_size=-{_CACHE_KIB}; PRAGMA temp_store=FILE;"
            "CREATE TABLE settlements (id BLOB PRIMARY KEY, held BLOB, buried INT, key BLOB) WITHOUT ROWID;"
            "CREATE TABLE disclosures (id BLOB PRIMARY KEY, held BLOB, buried INT, key BLOB) WITHOUT ROWID;"
            "CREATE TABLE written (id BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;"
            "CREATE INDEX buried_settlements ON settlements (buried) WHERE buried = 1;"
            "CREATE INDEX buried_disclosures ON disclosures (buried) WHERE buried = 1;"
            "BEGIN"
        )
        # The name goes, the file stays until it is closed: kill -9 leaves nothing behind.
        with suppress(OSError):
            path.unlink()
        # Most records of a bus have no settlement here; this says so without asking the database.
        self._seen = bytearray(_SLOTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def maybe(self, key: bytes) -> bool:
        """False: nothing stands for this settlement."""
        return self._seen[hash(key) & (_SLOTS - 1)] != 0

    def settlements(self, keys: Iterable[bytes]) -> dict[bytes, Held]:
        """What stands, by settlement id; those for which nothing does are left out."""
        return {key: _held(blob) for key, blob in self._get("settlements", keys)}

    def put_settlements(self, rows: Mapping[bytes, Held]) -> None:
        seen = self._seen
        for key in rows:
            seen[hash(key) & (_SLOTS - 1)] = 1
        self._put("settlements", ((key, _flat(held), held.buried) for key, held in rows.items()))

    def disclosures(self, keys: Iterable[bytes]) -> dict[bytes, Disclosed]:
        return {key: Disclosed(*marshal.loads(blob)) for key, blob in self._get("disclosures", keys)}  # noqa: S302

    def put_disclosures(self, rows: Mapping[bytes, Disclosed]) -> None:
        self._put("disclosures", ((key, marshal.dumps(_row(held)), held.buried) for key, held in rows.items()))

    def buried_settlements(self) -> dict[bytes, Held]:
        return {key: _held(blob) for key, blob in self._buried("settlements")}

    def buried_disclosures(self) -> dict[bytes, Disclosed]:
        return {key: Disclosed(*marshal.loads(blob)) for key, blob in self._buried("disclosures")}  # noqa: S302

    def keep(self, written: Mapping[bytes, bytes]) -> None:
        """Remember what was written (or would have been) until it is read back: key to value."""
        rows = ((slot(key), value) for key, value in written.items())
        self._db.executemany("INSERT OR REPLACE INTO written VALUES (?, ?)", rows)

    def written(self, key: bytes) -> bytes | None:
        row = self._db.execute("SELECT value FROM written WHERE id = ?", (slot(key),)).fetchone()
        return None if row is None else row[0]

    def count(self) -> int:
        """Settlements for which something stands."""
        return int(self._db.execute("SELECT count(*) FROM settlements").fetchone()[0])

    def size(self) -> int:
        """Of the file, in bytes."""
        (pages,), (page,) = (self._db.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
        return int(pages * page)

    def _get(self, table: str, keys: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
        assert table in _TABLES
        by_slot = {slot(key): key for key in keys}
        slots = list(by_slot)
        for start in range(0, len(slots), _AT_ONCE):
            some = slots[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT id, held FROM {table} WHERE id IN ({marks})"  # noqa: S608 - a name of ours
            for id, blob in self._db.execute(query, some):
                yield by_slot[id], blob

    def _put(self, table: str, rows: Iterable[tuple[bytes, bytes, bool]]) -> None:
        assert table in _TABLES
        self._db.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)",  # noqa: S608 - a name of ours
            # Only a buried one must be found by itself; the others save the room.
            ((slot(key), blob, int(buried), key if buried else None) for key, blob, buried in rows),
        )

    def _buried(self, table: str) -> list[tuple[bytes, bytes]]:
        assert table in _TABLES
        query = f"SELECT key, held FROM {table} WHERE buried = 1"  # noqa: S608 - a name of ours
        return self._db.execute(query).fetchall()


def _flat(held: Held) -> bytes:
    decision, undoing = held.decision, held.undoing
    return marshal.dumps(
        (
            None if decision is None else _tuple(decision),
            None if undoing is None else _tuple(undoing),
            held.undone,
            held.last,
            held.last_revision,
        )
    )


def _held(blob: bytes) -> Held:
    decision, undoing, undone, last, last_revision = marshal.loads(blob)  # noqa: S302 - written by this very process
    return Held(
        None if decision is None else Emitted(*decision),
        None if undoing is None else Emitted(*undoing),
        undone,
        last,
        last_revision,
    )


def _row(held: Disclosed) -> tuple[Any, ...]:
    return held.withdrawn, held.revision, held.offset, held.digest, held.last, held.last_revision


def _tuple(record: Emitted) -> tuple[Any, ...]:
    return (
        record.type,
        record.source,
        record.revision,
        record.occurred_at,
        record.offset,
        record.digest,
        None,  # what it superseded was needed once, to find what stands
        record.reverses,
        record.outcome,
    )
