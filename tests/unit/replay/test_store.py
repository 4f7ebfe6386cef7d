"""The store holds what stands for millions, in a file; what it gives back is what it was given."""

from pathlib import Path

import psutil
import pytest

from streams.replay import store as store_module
from streams.replay.standing import Disclosed, Emitted, Held
from streams.replay.store import Store, digest


def held(number: int, revision: int = 1, last: int | None = None) -> Held:
    record = Emitted("settlement.adjusted", f"E{number}", revision, "2021-07-01T09:30:00", number, b"d" * 12)
    return Held(record, last=number if last is None else last, last_revision=revision)


def test_what_was_put_is_found_and_nothing_else(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.put_settlements({b"a": held(1), b"b": held(2)})
        store.put_settlements({b"b": held(3)})
        store.put_disclosures({b"a": Disclosed(True, 2, 5, b"x", 5, 2)})

        assert store.settlements([b"a", b"b", b"c"]) == {b"a": held(1), b"b": held(3)}
        assert store.disclosures([b"a", b"b"]) == {b"a": Disclosed(True, 2, 5, b"x", 5, 2)}
        assert store.maybe(b"a")
        assert store.count() == 2


def test_what_is_buried_is_found_by_itself_until_it_is_not(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.put_settlements({b"a": held(1, revision=2, last=9), b"b": held(2)})
        assert store.buried_settlements() == {b"a": held(1, revision=2, last=9)}
        store.put_settlements({b"a": held(9, revision=2)})
        assert store.buried_settlements() == {}


def test_the_file_goes_with_the_store(tmp_path: Path) -> None:
    with Store(tmp_path / "store.db") as store:
        store.put_settlements({b"a": held(1)})
    assert list(tmp_path.iterdir()) == []


def test_a_digest_sees_all_but_the_rulebooks_hash() -> None:
    one, other = b'{"rulebook":"sha256:1","x":1}', b'{"rulebook":"sha256:2","x":1}'
    assert digest(one, b"sha256:1") == digest(other, b"sha256:2")
    assert digest(one, b"sha256:1") != digest(other.replace(b'"x":1', b'"x":2'), b"sha256:2")


def test_memory_does_not_grow_with_what_it_holds_or_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the cache, here a small one, all is in the file; no two batches ask about as many settlements."""
    monkeypatch.setattr(store_module, "_CACHE_KIB", 1024)
    process = psutil.Process()
    with Store(tmp_path / "store.db") as store:

        def fill(first: int, count: int) -> int:
            for start in range(first, first + count, 4_000):
                store.put_settlements({b"S%d" % number: held(number) for number in range(start, start + 4_000)})
                store.settlements(b"S%d" % number for number in range(start // 1_000 + 4_800))
            return process.memory_info().rss

        small = fill(0, 20_000)
        large = fill(20_000, 80_000)
        assert store.count() == 100_000
        assert large - small < 8 * 1024 * 1024
        assert store.size() > 12 * 1024 * 1024
