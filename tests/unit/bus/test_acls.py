"""The rights of each role, as they are told to people and to Kafka's own tool."""

from __future__ import annotations

import pytest

from ops.kafka.broker import CHECKOUT
from schemas.roles import DUTIES, Role
from schemas.topics import DEADLETTERS, EVENTS, RULEBOOK, TOPICS
from streams.bus.acls import acls
from streams.bus.acls_page import filled
from streams.contract.asyncapi import UNWRITTEN


def test_the_table_in_the_page_is_up_to_date() -> None:
    page = (CHECKOUT / "docs" / "security.md").read_text("utf-8")
    assert page == filled(page), "python -m streams.bus.acls_page docs/security.md"


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no marks"):
        filled("# Security\n")


def test_every_topic_has_a_role_that_writes_it_and_one_that_reads_it() -> None:
    for name in TOPICS.keys() - UNWRITTEN:
        assert any(name in duty.writes for duty in DUTIES.values()), name
        assert any(name in duty.reads for duty in DUTIES.values()), name


def test_only_replays_read_dead_letters_and_only_the_platform_writes_events() -> None:
    assert [role for role, duty in DUTIES.items() if DEADLETTERS in duty.reads] == [Role.REPLAY]
    assert [role for role, duty in DUTIES.items() if EVENTS in duty.writes] == [Role.PLATFORM]
    assert [role for role, duty in DUTIES.items() if RULEBOOK in duty.writes] == [Role.RULES_DESK]


def test_rights_follow_prefix_group_and_user() -> None:
    commands = [acl.command("User:w") for acl in acls(Role.SETTLE, prefix="t.", group_id="g", user="w")]
    assert "kafka-acls.sh --add --allow-principal User:w --operation Read --topic t.settlement.events" in commands
    assert "kafka-acls.sh --add --allow-principal User:w --operation Read --group g" in commands
    assert (
        "kafka-acls.sh --add --allow-principal User:w --operation Write "
        "--transactional-id g.t.settlement.events. --resource-pattern-type prefixed"
    ) in commands
    (own,) = [acl for acl in acls(Role.READER, prefix="", group_id="g", user="books") if acl.resource == "group"]
    assert (own.name, own.pattern) == ("books", "prefixed")


def test_the_watch_worker_may_make_the_topics_of_its_tables_and_no_others() -> None:
    made = [acl for acl in acls(Role.WATCH, prefix="t.", group_id="g", user="w") if acl.operation == "Create"]
    assert [(acl.resource, acl.name, acl.pattern) for acl in made] == [("topic", "t.petct-watch-", "prefixed")]
