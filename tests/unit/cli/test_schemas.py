"""`petct schemas`: the contract written anywhere, held to what was released, and compared."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from streams.contract import published, releases
from tests.unit.cli.conftest import Petct


def test_export_writes_what_is_published(petct: Petct, tmp_path: Path) -> None:
    done = petct("schemas", "export", "contract", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert "asyncapi.json" in told["files"]
    assert published.drift(tmp_path / "contract") == []
    assert all((tmp_path / "contract" / name).is_file() for name in told["files"])


def test_export_leaves_what_lies_there_and_says_where_it_may_not_write(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert petct("schemas", "export", tmp_path).returncode == 0
    assert (tmp_path / "mine.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    done = petct("schemas", "export", tmp_path / "file" / "below")
    assert done.returncode == 2
    assert b"cannot be written" in done.stderr


def test_this_program_is_what_was_published(petct: Petct) -> None:
    done = petct("schemas", "check")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"compatible with every release" in done.stdout
    assert json.loads(petct("schemas", "check", "--json").stdout)["ok"] is True


def test_a_file_that_drifted_a_release_that_was_altered_and_a_broken_reader_are_told(
    petct: Petct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "releases"
    shutil.copytree(releases.RELEASES, root)
    path = root / "1.0" / "settlement.adjusted.schema.json"
    schema = json.loads(path.read_text())
    # As if the first release had promised more than this program keeps.
    schema["$defs"]["AdjustedLine"]["properties"]["promised"] = {"type": "string"}
    schema["$defs"]["AdjustedLine"]["required"].append("promised")
    path.write_text(json.dumps(schema))
    drifted = tmp_path / "v1"
    shutil.copytree(published.CURRENT, drifted)
    (drifted / "asyncapi.json").write_text("{}")
    monkeypatch.setattr(published, "drift", partial(published.drift, drifted))
    monkeypatch.setattr(releases, "all_releases", partial(releases.all_releases, root))

    done = petct("schemas", "check")
    told = json.loads(petct("schemas", "check", "--json").stdout)

    text = done.stdout.decode()
    assert done.returncode == 1
    assert "v1/asyncapi.json: is not what this program does" in text
    assert "releases/1.0/settlement.adjusted.schema.json: is not what was released" in text
    assert "since 1.0: settlement.adjusted: lines[].promised: removed; breaks platforms that read" in text
    assert told["ok"] is False
    assert [change["field"] for change in told["breaking"]["1.0"]] == ["lines[].promised"]


def test_diff_of_a_release_with_a_draft_names_field_and_broken(petct: Petct, tmp_path: Path) -> None:
    petct("schemas", "export", "draft")
    path = tmp_path / "draft" / "settlement.completed.schema.json"
    schema = json.loads(path.read_text())
    schema["$defs"]["Hospital"]["properties"]["level"]["enum"].remove("ungraded")
    schema["$defs"]["Hospital"]["properties"]["beds"] = {"type": "integer"}
    path.write_text(json.dumps(schema))

    done = petct("schemas", "diff", "1.0", "draft")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    (broken,) = [line for line in lines if line.startswith("!")]
    assert "settlement.completed: hospital.level: no longer allows ungraded; breaks settlement platforms" in broken
    assert "  settlement.completed: hospital.beds: added, optional" in lines
    assert petct("schemas", "diff", "1.0", "draft", "--strict").returncode == 1
    assert json.loads(petct("schemas", "diff", "1.0", "draft", "--json").stdout)["breaking"] is True


def test_diff_with_nothing_to_tell(petct: Petct) -> None:
    done = petct("schemas", "diff", "1.0", "1.0")
    assert (done.returncode, done.stdout) == (0, b"no difference\n")


def test_diff_of_what_is_neither_release_nor_folder_says_what_there_is(petct: Petct, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.schema.json").write_text("{")
    for name, said in (("0.9", b"neither a release nor a folder"), ("empty", b"no schema"), ("bad", b"not JSON")):
        done = petct("schemas", "diff", name)
        assert done.returncode == 2
        assert said in done.stderr
        assert b"1.0" in done.stderr
