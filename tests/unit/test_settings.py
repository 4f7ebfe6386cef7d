"""A setting that is missing or wrong is told by the name of its variable, all of them at once, never with its value."""

import os
from datetime import date
from pathlib import Path

import pytest

from schemas.secrets import DisclosureSecrets
from streams.exit_codes import MEANING, ExitCode
from streams.settings import KafkaSettings, SecretSettings, Settings, SettingsError, WatchSettings, load, misspelt
from streams.settings_reference import reference

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but what must be given."""
    for name in list(os.environ):
        if name.startswith("PETCT_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PETCT_KAFKA_BOOTSTRAP_SERVERS", "localhost:9092")
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET", "s")


def _told(kind: type[KafkaSettings] | type[SecretSettings] = Settings) -> dict[str, str]:
    with pytest.raises(SettingsError) as error:
        load(kind)
    return {problem.variable: problem.problem for problem in error.value.problems}


def test_what_must_be_given_is_enough() -> None:
    settings = load(Settings)

    assert settings.topic("settlement.events") == "settlement.events"
    assert settings.secret == DisclosureSecrets(b"s")
    assert (settings.http_host, settings.http_port) == ("127.0.0.1", 9464)


def test_a_secret_may_be_any_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET", os.fsdecode(b"\xff secret"))

    assert load(Settings).secret.first == b"\xff secret"


def test_everything_that_is_missing_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PETCT_KAFKA_BOOTSTRAP_SERVERS")
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    monkeypatch.setenv("PETCT_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")

    assert list(_told()) == [
        "PETCT_KAFKA_BOOTSTRAP_SERVERS",
        "PETCT_DISCLOSURE_SECRET or PETCT_DISCLOSURE_SECRET_FILE",
        "PETCT_KAFKA_SASL_USERNAME",
        "PETCT_KAFKA_SASL_PASSWORD or PETCT_KAFKA_SASL_PASSWORD_FILE",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PETCT_KAFKA_BOOTSTRAP_SERVERS", "broker-without-port-4711"),
        ("PETCT_KAFKA_BOOTSTRAP_SERVERS", "good:9092,bad-4711"),
        ("PETCT_KAFKA_BOOTSTRAP_SERVERS", "host:94711"),
        ("PETCT_KAFKA_SECURITY_PROTOCOL", "TLS-4711"),
        ("PETCT_TOPIC_PREFIX", "with blank 4711"),
        ("PETCT_HTTP_PORT", "port-4711"),
        ("PETCT_HTTP_PORT", "654711"),
        ("PETCT_SESSION_TIMEOUT_MS", "4711"),
        ("PETCT_BATCH_RECORDS", "-4711"),
        ("PETCT_BREAKER_SHARE", "4711"),
        ("PETCT_DISCLOSURE_SECRET_FILE", "/no/such/file/4711"),
        ("PETCT_KAFKA_SSL_CAFILE", "/no/such/file/4711"),
    ],
)
def test_a_wrong_one_is_told_by_name_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(SettingsError) as error:
        load(Settings)

    assert [problem.variable for problem in error.value.problems] == [variable]
    assert "4711" not in str(error.value)
    assert "Expected: " in str(error.value)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET", "")

    assert list(_told()) == ["PETCT_DISCLOSURE_SECRET or PETCT_DISCLOSURE_SECRET_FILE"]


def test_the_secret_may_stand_in_a_file_whose_last_line_break_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("geheim \n")
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET_FILE", str(tmp_path / "secret"))

    assert load(SecretSettings).secret == DisclosureSecrets(b"geheim ")


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", "names an empty file"), (b"\xff", "names a file that is not UTF-8")]
)
def test_a_file_that_holds_no_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, problem: str
) -> None:
    (tmp_path / "secret").write_bytes(content)
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET_FILE", str(tmp_path / "secret"))

    assert _told() == {"PETCT_DISCLOSURE_SECRET_FILE": problem}


def test_two_secrets_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("other")
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET_FILE", str(tmp_path / "secret"))

    assert _told() == {
        "PETCT_DISCLOSURE_SECRET_FILE": "is set, and PETCT_DISCLOSURE_SECRET too; give one of the two",
    }


def test_later_secrets_come_from_the_environment_or_a_file_and_are_checked_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PETCT_DISCLOSURE_LATER_SECRETS", "2027-01-01 other")
    expected = DisclosureSecrets(b"s", ((date(2027, 1, 1), b"other"),))
    assert load(SecretSettings).secret == expected
    monkeypatch.delenv("PETCT_DISCLOSURE_LATER_SECRETS")
    (tmp_path / "later").write_text("2027-01-01 other\n")
    monkeypatch.setenv("PETCT_DISCLOSURE_LATER_SECRETS_FILE", str(tmp_path / "later"))
    assert load(SecretSettings).secret == expected

    (tmp_path / "later").write_text("2027-01-01 hush\nhush")
    assert _told(SecretSettings) == {
        "PETCT_DISCLOSURE_LATER_SECRETS_FILE": "is wrong: line 2: expected YYYY-MM-DD, a blank, the secret"
    }
    monkeypatch.setenv("PETCT_KAFKA_BOOTSTRAP_SERVERS", "none")
    assert list(_told()) == ["PETCT_KAFKA_BOOTSTRAP_SERVERS", "PETCT_DISCLOSURE_LATER_SECRETS_FILE"]


def test_the_password_of_a_key_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hush\n")
    monkeypatch.setenv("PETCT_KAFKA_SSL_KEY_PASSWORD_FILE", str(tmp_path / "password"))
    assert load(KafkaSettings).ssl_key_password == "hush"
    monkeypatch.setenv("PETCT_KAFKA_SSL_KEY_PASSWORD", "hush")
    assert list(_told(KafkaSettings)) == ["PETCT_KAFKA_SSL_KEY_PASSWORD_FILE"]


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET", "geheim")
    monkeypatch.setenv("PETCT_KAFKA_SASL_PASSWORD", "geheim")

    assert "geheim" not in repr(load(Settings))


def test_topics_need_no_secret_and_adjudicating_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    load(KafkaSettings)
    monkeypatch.delenv("PETCT_KAFKA_BOOTSTRAP_SERVERS")
    monkeypatch.setenv("PETCT_DISCLOSURE_SECRET", "s")
    load(SecretSettings)


def test_a_misspelt_variable_is_found_and_a_strangers_is_left_alone() -> None:
    environment = {"PETCT_GRUOP_ID": "g", "PETCT_GROUP_ID": "g", "PETCT_SERVICE_HOST": "10.0.0.1", "PATH": "/"}

    assert misspelt(environment) == [("PETCT_GRUOP_ID", "PETCT_GROUP_ID")]


def test_every_exit_code_has_a_meaning() -> None:
    assert MEANING.keys() == set(ExitCode)


def test_the_configuration_reference_is_up_to_date() -> None:
    assert (CHECKOUT / "docs" / "configuration.md").read_text("utf-8") == reference(), (
        "python -m streams.settings_reference > docs/configuration.md"
    )


def test_surveillance_has_a_secret_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    assert load(WatchSettings).surveillance_key == b""
    monkeypatch.setenv("PETCT_SURVEILLANCE", "true")
    ((variable, problem),) = _told(WatchSettings).items()
    assert variable == "PETCT_SURVEILLANCE_SECRET or PETCT_SURVEILLANCE_SECRET_FILE"
    assert problem == "is not set, but PETCT_SURVEILLANCE needs a secret"
    (tmp_path / "secret").write_text("of surveillance\n", "utf-8")
    monkeypatch.setenv("PETCT_SURVEILLANCE_SECRET_FILE", str(tmp_path / "secret"))
    assert load(WatchSettings).surveillance_key == b"of surveillance"


@pytest.mark.parametrize("own", ["PETCT_SURVEILLANCE_SECRET", "PETCT_SURVEILLANCE_SECRET_FILE"])
@pytest.mark.parametrize("other", ["PETCT_DISCLOSURE_SECRET", "PETCT_DISCLOSURE_SECRET_FILE"])
def test_the_secret_of_surveillance_is_not_that_of_disclosures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str, other: str
) -> None:
    monkeypatch.delenv("PETCT_DISCLOSURE_SECRET")
    (tmp_path / "a").write_text("the same secret", "utf-8")
    (tmp_path / "b").write_text("the same secret\n", "utf-8")
    for name, file in ((own, "a"), (other, "b")):
        monkeypatch.setenv(name, str(tmp_path / file) if name.endswith("FILE") else "the same secret")
    (problem,) = _told(WatchSettings).items()
    assert problem[0].startswith(own)
    assert "findings could be joined with disclosures" in problem[1]
    assert "the same secret" not in problem[1]


def test_nor_one_of_those_that_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PETCT_DISCLOSURE_LATER_SECRETS", "2030-01-01 a later one")
    monkeypatch.setenv("PETCT_SURVEILLANCE_SECRET", "a later one")
    assert "is the disclosure secret too" in _told(WatchSettings)["PETCT_SURVEILLANCE_SECRET"]


def test_thresholds_are_a_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PETCT_SURVEILLANCE_RULES", str(tmp_path / "nowhere"))
    assert _told(WatchSettings) == {"PETCT_SURVEILLANCE_RULES": "names no folder"}
