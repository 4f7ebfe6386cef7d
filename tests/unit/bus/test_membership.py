"""Every worker of a group has a name of its own, and the same one again after it was killed."""

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from streams.bus.membership import Membership
from streams.settings import Settings


@pytest.fixture
def group() -> str:
    return secrets.token_hex(8)


def _settings(group: str, instance: str | None = None) -> Settings:
    return Settings(
        kafka_bootstrap_servers="localhost:9092", disclosure_secret="s", group_id=group, group_instance_id=instance
    )


def test_two_workers_of_one_host_have_different_names(group: str) -> None:
    with Membership(_settings(group)) as one, Membership(_settings(group)) as other:
        assert one.instance_id is not None
        assert one.instance_id != other.instance_id


def test_a_name_is_free_again_when_its_worker_has_gone(group: str) -> None:
    with Membership(_settings(group)) as first:
        pass
    with Membership(_settings(group)) as second:
        assert first.instance_id == second.instance_id


def test_a_killed_worker_gives_its_name_back(group: str) -> None:
    code = (
        "import os, signal\n"
        "from tests.unit.bus.test_membership import Membership, _settings\n"
        f"held = Membership(_settings({group!r})).__enter__()\n"
        "print(held.instance_id, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    checkout = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, check=False)

    with Membership(_settings(group)) as next_one:
        assert next_one.instance_id == killed.stdout.strip()


def test_workers_of_different_groups_do_not_count_each_other(group: str) -> None:
    with Membership(_settings(group)) as one, Membership(_settings(f"{group}x")) as other:
        assert one.instance_id == other.instance_id


def test_a_given_name_is_taken_as_it_is_and_none_means_none(group: str) -> None:
    with Membership(_settings(group, "pod-7")) as named, Membership(_settings(group, "none")) as dynamic:
        assert (named.instance_id, dynamic.instance_id) == ("pod-7", None)
