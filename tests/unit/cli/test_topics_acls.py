"""`petct topics acls`: commands for one role or all, with no broker."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Petct


def test_the_rights_of_one_role_by_its_users_name_prefix_and_group(petct: Petct) -> None:
    done = petct("topics", "acls", "settle", "--user", "w", PETCT_TOPIC_PREFIX="t.", PETCT_GROUP_ID="g")
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert lines[0] == "# settle: petct worker settle"
    assert "kafka-acls.sh --add --allow-principal User:w --operation Write --topic t.settlement.adjusted" in lines
    assert all(line.startswith(("# ", "kafka-acls.sh --add --allow-principal User:w ")) for line in lines)


def test_all_roles_as_json(petct: Petct) -> None:
    told = json.loads(petct("topics", "acls", "--json").stdout)
    roles = {"operator", "platform", "settle", "rules-desk", "replay", "reader", "board", "watch"}
    assert roles | {"surveillance", "supervisor"} == told.keys()
    assert {key: value for key, value in told["platform"][0].items() if key != "comfort"} == {
        "resource": "topic",
        "name": "settlement.events",
        "pattern": "literal",
        "operation": "Write",
    }


def test_an_unknown_role_and_a_user_of_all_roles_are_refused(petct: Petct) -> None:
    assert petct("topics", "acls", "king").returncode == 2
    done = petct("topics", "acls", "--user", "w")
    assert (done.returncode, b"Name the role" in done.stderr) == (2, True)
