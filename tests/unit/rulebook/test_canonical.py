"""The version of a rulebook depends on what it says and on nothing else, and a release is read back or refused."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from schemas.codec import dumps
from streams.rulebook import Rulebook, RulebookError, load_rulebook
from streams.rulebook.loader import NOTICES


@pytest.fixture(scope="module")
def book() -> Rulebook:
    return load_rulebook()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NOTICES, tmp_path / "notices"))


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    changed = change(text)
    assert changed != text
    path.write_text(changed, encoding="utf-8")


def test_the_hash_is_the_sha256_of_the_canonical_bytes(book: Rulebook) -> None:
    assert book.hash == "sha256:" + hashlib.sha256(book.canonical).hexdigest()
    plain = json.loads(book.canonical)
    assert json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() == book.canonical
    assert plain["notices"]["hz-2021-30"]["entries"]["price"]["unit_price"] == "5300.00"
    assert plain["notices"]["hz-2021-30"]["entries"]["price"]["effective_from"] == "2021-06-30"


def test_comments_and_layout_leave_no_mark(book: Rulebook, folder: Path) -> None:
    for path in folder.glob("*.yaml"):
        data = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
        backwards = _backwards(data)
        held = io.StringIO()
        yaml = YAML(typ="safe")
        yaml.default_flow_style = True
        yaml.allow_unicode = False
        yaml.dump(backwards, held)
        path.write_text(held.getvalue(), encoding="utf-8")
    again = load_rulebook(folder)
    assert again.canonical == book.canonical
    assert again == book
    assert again.rules == book.rules


def _backwards(data: Any) -> Any:
    """Keys in the other order, and lists that mean sets; a date as text, since a safe dump would tag nothing else."""
    if isinstance(data, dict):
        turned = {key: _backwards(data[key]) for key in reversed(data)}
        for key in ("schemes", "covered", "doubtful", "excluded", "documents", "binds", "factors"):
            if key in turned:
                turned[key] = turned[key][::-1]
        return turned
    return [_backwards(item) for item in data] if isinstance(data, list) else data


def test_trailing_zeros_of_a_number_leave_no_mark(book: Rulebook, folder: Path) -> None:
    rewrite(folder / "nb-2021-23.yaml", lambda text: text.replace('"0.20"', '"0.2"').replace('"5300.00"', '"5300"'))
    assert load_rulebook(folder).hash == book.hash


@pytest.mark.parametrize(
    ("notice", "before", "after"),
    [
        ("hz-2021-30", 'unit_price: "5300.00"', 'unit_price: "5299.99"'),
        ("hz-2021-30", "says: 5300元/次", "says: 5300 元/次"),
        ("hz-2021-30", "printed: 2021-06-25", "printed: 2021-06-24"),
        ("nb-2021-23", "authority: official", "authority: press"),
        ("nb-2021-23", "effective_from: 2021-06-30", "effective_from: 2021-07-01"),
        ("sz-2023-article", "approximate: true", "approximate: false"),
        ("sz-2023-article", 'high: "0.80"', 'high: "0.8001"'),
        ("sx-2021-catastrophic", 'ratio: "0"}', "ratio: unknown}"),
        ("sz-2023-358", "        where: out_of_province\n", ""),
    ],
)
def test_what_is_said_changes_the_hash(book: Rulebook, folder: Path, notice: str, before: str, after: str) -> None:
    rewrite(folder / f"{notice}.yaml", lambda text: text.replace(before, after, 1))
    assert load_rulebook(folder).hash != book.hash


def test_a_missing_notice_changes_the_hash(book: Rulebook, folder: Path) -> None:
    (folder / "nb-2021-23.yaml").unlink()
    assert load_rulebook(folder).hash != book.hash


def test_a_release_is_read_back_as_the_same_rulebook(book: Rulebook) -> None:
    back = Rulebook.from_canonical(book.canonical, expected_hash=book.hash)
    assert back == book
    assert hash(back) == hash(book)
    assert (back.hash, back.canonical) == (book.hash, book.canonical)
    assert (back.rules, back.exams, back.notices) == (book.rules, book.exams, book.notices)
    # The places of a number reach the outputs: equal is not enough, it must print the same.
    assert repr(back.rules) == repr(book.rules)


def changed(book: Rulebook, change: Callable[[dict[str, Any]], object]) -> bytes:
    release = json.loads(book.canonical)
    change(release)
    return dumps(release)


def refusal(data: bytes, expected_hash: str | None = None) -> str:
    with pytest.raises(RulebookError) as told:
        Rulebook.from_canonical(data, expected_hash=expected_hash)
    return str(told.value)


AGAIN = "release the rulebook again from its notices"


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b'{"format": NaN}', b"[" * 100_000])
def test_damaged_bytes_are_refused(data: bytes) -> None:
    assert refusal(data) == f"release: is no JSON; {AGAIN}"


@pytest.mark.parametrize("data", [b"[]", b"null", b"{}", b'{"format":"1"}', b'{"format":true}', b'{"format":0}'])
def test_other_json_is_refused(data: bytes) -> None:
    assert refusal(data) == f"release: format: is no released rulebook; {AGAIN}"


def test_a_newer_format_asks_for_an_upgrade(book: Rulebook) -> None:
    assert refusal(changed(book, lambda release: release.update(format=2))) == (
        "release: format: is 2, newer than 1, the newest this program reads; "
        "upgrade this program before the release is used"
    )


def test_bytes_of_another_hash_are_refused(book: Rulebook) -> None:
    expected = "sha256:" + "0" * 64
    assert refusal(book.canonical, expected) == (
        f"release: hash: the bytes have the hash {book.hash}, not {expected}; {AGAIN}"
    )


def test_bytes_that_are_not_canonical_are_refused(book: Rulebook) -> None:
    told = f"release: is not in canonical form, so its hash names something else; {AGAIN}"
    assert refusal(b" " + book.canonical) == told
    assert refusal(changed(book, lambda release: release.update(note="x"))) == told
    price = ("notices", "hz-2021-30", "entries", "price")
    assert refusal(changed(book, lambda release: _at(release, *price).update(unit_price="5300"))) == told


def test_a_release_is_checked_like_a_notice(book: Rulebook) -> None:
    def spoil(release: dict[str, Any]) -> None:
        _at(release, "notices", "hz-2021-30", "entries", "price").update(unit_price="5400.00")
        _at(release, "notices", "nb-2021-23", "entries", "price").update(unit_price=5300.0)

    assert refusal(changed(book, spoil)).splitlines() == [
        "release: notices.hz-2021-30.entries.price.unit_price: 5400.00 is above the ceiling 5300.00 of "
        'zj-2021-31/price, in force at the same time; write at most "5300.00", or correct the dates or the ceiling',
        "release: notices.nb-2021-23.entries.price.unit_price: 5300.0 is not in quotes, so its places are lost; "
        'write it in quotes, as in "5300.00"',
    ]


def test_a_release_without_notices_is_refused(book: Rulebook) -> None:
    assert refusal(changed(book, lambda release: release.update(notices={}))) == (
        f"release: notices: holds no readable notice; {AGAIN}"
    )


def _at(release: dict[str, Any], *path: str) -> dict[str, Any]:
    for step in path:
        release = release[step]
    return release
