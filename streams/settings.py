"""What can be configured, by environment variables `PETCT_…`, and what is said when one is missing or wrong.

`docs/configuration.md` is generated from these classes: ``python -m streams.settings_reference``.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeVar

from pydantic import Field, SecretStr, StringConstraints, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.secrets import DisclosureSecrets, read_later

PREFIX: Final = "PETCT_"

# Kafka allows a topic name of 249 characters of this alphabet; the longest of ours takes 22.
TopicPrefix = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]*$", max_length=200)]
GroupId = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Port = Annotated[int, Field(ge=0, le=65535)]


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One variable that is missing or wrong. Never holds its value: it may be a secret."""

    variable: str
    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.variable} {self.problem}. {self.mend}"


class SettingsError(Exception):
    """All settings that are missing or wrong, each by the name of its variable."""

    def __init__(self, problems: Iterable[SettingProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if found := self._cross_check(self.__dict__):
            raise SettingsError(found)
        return self

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:  # noqa: ARG003 - nothing here
        """What is wrong between settings. `given` holds each by name; texts where the environment was not yet read."""
        return []

    @classmethod
    def _problem(cls, name: str, problem: str) -> SettingProblem:
        field = cls.model_fields[name]
        example = f" Example: {field.examples[0]}" if field.examples else ""
        file_name = f"{name}_file"
        named = variable(name)
        if problem.startswith("is not set") and file_name in cls.model_fields:
            named += f" or {variable(file_name)}"
        return SettingProblem(named, problem, f"Expected: {field.description}{example}")

    @classmethod
    def _secret_problems(cls, given: Mapping[str, Any], name: str, file_name: str) -> list[SettingProblem]:
        if given[file_name] is None:
            return []
        if given[name] is not None:
            return [cls._problem(file_name, f"is set, and {variable(name)} too; give one of the two")]
        try:
            return [] if _read_secret(Path(given[file_name])) else [cls._problem(file_name, "names an empty file")]
        except UnicodeDecodeError:
            return [cls._problem(file_name, "names a file that is not UTF-8")]
        except OSError:
            return [cls._problem(file_name, "names a file that cannot be read")]


class KafkaSettings(_Environment):
    """How to reach the brokers, and under which names our topics stand there. Enough for `petct topics`."""

    kafka_bootstrap_servers: str = Field(
        description="Brokers to begin with: `host:port`, several separated by commas.", examples=["localhost:9092"]
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        "PLAIN", description="How to log in, with a `SASL_…` protocol."
    )
    kafka_sasl_username: str | None = Field(None, description="User name for PLAIN and SCRAM.")
    kafka_sasl_password: SecretStr | None = Field(None, description="Password for PLAIN and SCRAM.")
    kafka_sasl_password_file: Path | None = Field(None, description="File that holds the password instead.")
    kafka_sasl_token_file: Path | None = Field(
        None, description="File that holds the OAUTHBEARER token; read again at every log-in, so it may be renewed."
    )
    kafka_ssl_cafile: Path | None = Field(
        None, description="Certificates of the authorities to trust (PEM); the system's when not set."
    )
    kafka_ssl_certfile: Path | None = Field(None, description="The client's own certificate (PEM).")
    kafka_ssl_keyfile: Path | None = Field(None, description="The key of that certificate (PEM).")
    kafka_ssl_key_password: SecretStr | None = Field(None, description="Password of that key.")
    kafka_ssl_key_password_file: Path | None = Field(None, description="File that holds that password instead.")
    kafka_ssl_check_hostname: bool = Field(
        True, description="Whether the broker's certificate must bear the name it was reached by."
    )
    topic_prefix: TopicPrefix = Field(
        "", description="Put in front of every topic name as it stands, for example `test.`; letters, digits and `._-`."
    )

    @field_validator("kafka_bootstrap_servers")
    @classmethod
    def _addresses(cls, value: str) -> str:
        servers = [server.strip() for server in value.split(",")]
        for server in servers:
            host, colon, port = server.rpartition(":")
            if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65536):
                raise PydanticCustomError("address", "not a list of host:port")
        return ",".join(servers)

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        mechanism = given["kafka_sasl_mechanism"]
        if str(given["kafka_security_protocol"]).startswith("SASL_"):
            if mechanism == "OAUTHBEARER":
                if given["kafka_sasl_token_file"] is None:
                    found.append(cls._problem("kafka_sasl_token_file", "is not set, but OAUTHBEARER needs a token"))
            else:
                if given["kafka_sasl_username"] is None:
                    found.append(cls._problem("kafka_sasl_username", f"is not set, but {mechanism} needs a user name"))
                if given["kafka_sasl_password"] is None and given["kafka_sasl_password_file"] is None:
                    found.append(cls._problem("kafka_sasl_password", f"is not set, but {mechanism} needs a password"))
        if given["kafka_ssl_certfile"] is not None and given["kafka_ssl_keyfile"] is None:
            found.append(cls._problem("kafka_ssl_keyfile", "is not set, but a client certificate needs its key"))
        for name in ("kafka_sasl_token_file", "kafka_ssl_cafile", "kafka_ssl_certfile", "kafka_ssl_keyfile"):
            if given[name] is not None and not os.access(given[name], os.R_OK):
                found.append(cls._problem(name, "names a file that cannot be read"))
        for name in ("kafka_sasl_password", "kafka_ssl_key_password"):
            found += cls._secret_problems(given, name, f"{name}_file")
        return found

    def topic(self, name: str) -> str:
        """The name on the broker of a topic of the catalogue."""
        return self.topic_prefix + name

    @property
    def sasl_password(self) -> str | None:
        return _secret(self.kafka_sasl_password, self.kafka_sasl_password_file)

    @property
    def ssl_key_password(self) -> str | None:
        return _secret(self.kafka_ssl_key_password, self.kafka_ssl_key_password_file)


class SecretSettings(_Environment):
    """The secret that keys the ids of disclosures. Enough for `petct adjudicate`."""

    disclosure_secret: SecretStr | None = Field(
        None, description="Keys the ids of disclosure records (HMAC-SHA-256). All workers must have the same, for ever."
    )
    disclosure_secret_file: Path | None = Field(
        None, description="File that holds that secret instead; one line break at its end does not count."
    )
    disclosure_later_secrets: SecretStr | None = Field(
        None,
        description="Secrets that come after it, one a line, in order: the first day (in China) on which settlements "
        "occurred that it keys, a blank, the secret. To be given to all workers before that day; no line is ever taken "
        "away. See docs/security.md.",
    )
    disclosure_later_secrets_file: Path | None = Field(None, description="File that holds those lines instead.")

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        if given["disclosure_secret"] is None and given["disclosure_secret_file"] is None:
            found.append(cls._problem("disclosure_secret", "is not set, but disclosure records need a secret"))
        for name in ("disclosure_secret", "disclosure_later_secrets"):
            found += cls._secret_problems(given, name, f"{name}_file")
        return found or cls._later_problems(given)

    @classmethod
    def _later_problems(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        value, path = given["disclosure_later_secrets"], given["disclosure_later_secrets_file"]
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        text = text if path is None else _read_secret(Path(path))
        try:
            if text is not None:
                read_later(text)
        except ValueError as error:
            name = "disclosure_later_secrets" if path is None else "disclosure_later_secrets_file"
            return [cls._problem(name, f"is wrong: {error}")]
        return []

    @property
    def secret(self) -> DisclosureSecrets:
        """Never log it."""
        later = _secret(self.disclosure_later_secrets, self.disclosure_later_secrets_file)
        first = _secret(self.disclosure_secret, self.disclosure_secret_file) or ""
        # An environment may hold any bytes; Python shows those that are no UTF-8 as lone surrogates.
        return DisclosureSecrets(first.encode("utf-8", "surrogateescape"), () if later is None else read_later(later))


class LogSettings(_Environment):
    """What is logged, and how."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`auto`: readable on a terminal, JSON lines elsewhere."
    )


class ProcessSettings(KafkaSettings, LogSettings):
    """What every process that works on the bus has."""

    session_timeout_ms: int = Field(
        9_000, ge=6_000, le=60_000, description="Silence after which the group gives a worker's partitions to others."
    )
    broker_wait_seconds: float = Field(
        60.0, ge=0, description="How long to wait for brokers at start, or for the group to take us back."
    )
    shutdown_seconds: float = Field(10.0, gt=0, le=300, description="Budget of an orderly stop.")
    http_host: str = Field("127.0.0.1", description="Address of /metrics, /livez and /readyz.")
    http_port: Port = Field(9464, description="Port of the same; 0: off.")

    @property
    def heartbeat_ms(self) -> int:
        """A third of the session, as Kafka advises."""
        return self.session_timeout_ms // 3


class FormSettings(_Environment):
    """In what form events lie on the bus, and what the national interface leaves to be looked up."""

    input_format: Literal["contract", "nhsa"] = Field(
        "contract",
        description="What the input topic holds: settlement events as the contract writes them, or messages of the "
        "national interface (docs/nhsa.md).",
    )
    nhsa_hospitals: Path | None = Field(
        None, description="With `nhsa`: table of hospitals, CSV; `petct nhsa check` says what is wrong with it."
    )
    nhsa_codes: Path | None = Field(
        None, description="With `nhsa`: table of local item codes, CSV. When not set, every code means itself."
    )


class SurveillanceSettings(_Environment):
    """By what surveillance judges, and what keys its hashes. Enough to judge without a bus."""

    surveillance_secret: SecretStr | None = Field(
        None,
        description="Keys the hashes of persons and the ids of findings (HMAC-SHA-256). All watch workers must have "
        "the same, for ever; never the disclosure secret.",
    )
    surveillance_secret_file: Path | None = Field(
        None, description="File that holds that secret instead; one line break at its end does not count."
    )
    surveillance_rules: Path | None = Field(
        None,
        description="Folder of thresholds; `petct surveillance check` says what is wrong with one. When not set: those "
        "this program came with.",
    )

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        name = "surveillance_secret"
        of_secret = cls._secret_problems(given, name, f"{name}_file")
        if not of_secret and _given_secret(given, name) in _disclosure_secrets():
            which = name if given[name] is not None else f"{name}_file"
            of_secret = [cls._problem(which, "is the disclosure secret too; findings could be joined with disclosures")]
        if given["surveillance_rules"] is not None and not Path(given["surveillance_rules"]).is_dir():
            of_secret.append(cls._problem("surveillance_rules", "names no folder"))
        return found + of_secret

    @property
    def surveillance_key(self) -> bytes:
        """Never log it. Empty where none is set."""
        secret = _secret(self.surveillance_secret, self.surveillance_secret_file) or ""
        return secret.encode("utf-8", "surrogateescape")


class Settings(ProcessSettings, SecretSettings, FormSettings):
    """All that `petct worker settle` needs."""

    group_id: GroupId = Field(
        "petct-settle", description="Consumer group, and first part of the transactional ids. Shared by all workers."
    )
    group_instance_id: str | None = Field(
        None,
        max_length=200,
        description="Name of this worker in the group (static membership); two workers never share one. "
        "When not set: the host's name with the number of the worker on it. `none`: dynamic membership.",
    )
    offset_reset: Literal["earliest", "latest"] = Field(
        "earliest", description="Where a partition without a committed offset begins."
    )
    batch_records: int = Field(3_000, ge=1, le=20_000, description="Most records of one batch.")
    fetch_bytes: int = Field(
        1024 * 1024,
        ge=64 * 1024,
        le=64 * 1024 * 1024,
        description="Most bytes fetched of one partition at a time. More than a processor's cache holds is slower.",
    )
    sieve: bool = Field(
        True,
        description="Whether records that are none of ours are dropped before they are made into Python objects. "
        "Faster; relies on the inside of aiokafka, and does nothing with a version of it that is not known.",
    )
    offset_commit_seconds: float = Field(
        5.0, gt=0, le=300, description="How often offsets are committed where nothing was ours."
    )
    transaction_timeout_ms: int = Field(
        60_000,
        ge=45_000,
        le=900_000,
        description="After which the broker ends an open transaction; above the 40 s limit of a batch, "
        "not above the broker's `transaction.max.timeout.ms`.",
    )
    breaker_run: int = Field(
        1_000, ge=0, description="So many dead letters in a row in one partition stop the worker; 0: never."
    )
    breaker_share: float = Field(
        0.5, ge=0, le=1, description="A larger share of dead letters among the answered records stops it; 1: never."
    )
    breaker_window: int = Field(2_000, ge=1, description="So many answered records of a partition the share is of.")
    breaker_hold_seconds: float = Field(
        60.0,
        ge=0,
        le=3600,
        description="How long a worker stopped by the breaker goes on telling so on /metrics before it ends: "
        "longer than Prometheus takes to look twice.",
    )
    replay_http_port: Port = Field(
        9465, description="Port of /metrics of a replay while it runs; 0: off. A port in use is told, and done without."
    )
    rulebook: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = Field(
        None,
        description="Pins the rulebook: only the release of this hash is used, whatever else is released. "
        "When not set: the newest release that can be used.",
    )
    rulebook_fallback: Literal["none", "installed"] = Field(
        "none",
        description="What to decide by as long as no rulebook is released: `none` waits for a release, `installed` "
        "uses the notices this program came with.",
    )
    notices: Path | None = Field(
        None, description="Folder of notices that `installed` means instead of those this program came with."
    )


class WatchSettings(ProcessSettings, SurveillanceSettings):
    """All that `petct worker watch` needs."""

    watch_group_id: GroupId = Field(
        "petct-watch", description="Consumer group, and first part of the names of the topics that hold its state."
    )
    watch_instance_id: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = Field(
        None, description="Name of this process in the group (static membership); two processes never share one."
    )
    watch_store: Literal["rocksdb", "memory"] = Field(
        "rocksdb", description="Where its state lies: on disk, or in memory and read from Kafka at each start."
    )
    watch_folder: Path = Field(
        Path(".petct-watch"), description="Folder of that state; two processes never share one. May be lost."
    )
    watch_api_host: str = Field("127.0.0.1", description="Address of the read API (docs/board.md).")
    watch_api_port: Port = Field(9466, description="Port of the same; 0: off.")
    watch_api_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")] | None = Field(
        None,
        description="Where the other processes of the group reach this one's read API, for example "
        "`http://10.0.0.7:9466`. When not set: its address and port.",
    )
    board_due_hour: int = Field(
        9,
        ge=0,
        le=23,
        description="Hour in China from which the lists of yesterday must be there; a hospital with examinations and "
        "no list is late then.",
    )
    inquiry: bool = Field(
        False, description="Whether the newest revision of each settlement is kept, and told by the read API."
    )
    inquiry_token: SecretStr | None = Field(None, description="What a reader of settlements must show.")
    inquiry_token_file: Path | None = Field(None, description="File that holds that token instead.")
    surveillance: bool = Field(
        False, description="Whether findings are written to settlement.alerts (docs/surveillance-worker.md)."
    )

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        if str(given["surveillance"]).lower() in {"true", "1", "yes", "on"}:
            name = "surveillance_secret"
            if given[name] is None and given[f"{name}_file"] is None:
                found.append(cls._problem(name, "is not set, but PETCT_SURVEILLANCE needs a secret"))
        if str(given["inquiry"]).lower() in {"true", "1", "yes", "on"}:
            if given["inquiry_token"] is None and given["inquiry_token_file"] is None:
                found.append(cls._problem("inquiry_token", "is not set, but PETCT_INQUIRY needs one"))
            if str(given["watch_api_port"]) == "0":
                found.append(cls._problem("watch_api_port", "is 0, but PETCT_INQUIRY is told there"))
        return found + cls._secret_problems(given, "inquiry_token", "inquiry_token_file")

    @property
    def api_url(self) -> str:
        """Where the others of the group reach this process."""
        return self.watch_api_url or f"http://{self.watch_api_host}:{self.watch_api_port}"

    @property
    def token(self) -> str:
        """Never log it."""
        return _secret(self.inquiry_token, self.inquiry_token_file) or ""


class TokenSettings(_Environment):
    """The token that opens the settlements of the read API."""

    inquiry_token: SecretStr | None = Field(None, description="What a reader of settlements must show.")
    inquiry_token_file: Path | None = Field(None, description="File that holds that token instead.")

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        return found + cls._secret_problems(given, "inquiry_token", "inquiry_token_file")

    @property
    def token(self) -> str:
        """Never log it."""
        return _secret(self.inquiry_token, self.inquiry_token_file) or ""


class InquirySettings(TokenSettings):
    """Enough for `petct status`."""

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        if given["inquiry_token"] is None and given["inquiry_token_file"] is None:
            found.append(cls._problem("inquiry_token", "is not set, but the watch worker asks for it"))
        return found


class WebSettings(LogSettings, TokenSettings):
    """All that `petct web` needs. With PETCT_KAFKA_… it also shows the released rulebooks."""

    web_host: str = Field("127.0.0.1", description="Address of the pages.")
    web_port: Port = Field(9467, description="Port of the same.")
    board_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/\s?#]+/?$")] | None = Field(
        None,
        description="Read API of a watch worker, for example `http://watch:9466`. When not set: no board, no inquiry.",
    )
    web_sandbox: bool = Field(True, description="Whether events can be tried out at /sandbox.")
    web_inquiry: bool = Field(
        False, description="Whether settlements can be asked for at /inquiry; needs a sign-in, see PETCT_WEB_ACCESS."
    )
    web_surveillance: bool = Field(
        False,
        description="Whether findings of surveillance can be looked at and handled at /surveillance; needs a sign-in, "
        "see PETCT_WEB_ACCESS, and the brokers.",
    )
    web_workers: str = Field(
        "", description="Workers whose state /status shows: addresses such as `http://settle-0:9464`, with commas."
    )
    web_access: Literal["open", "basic", "proxy"] = Field(
        "open",
        description="Who may see all but the board: `open` everybody, `basic` who knows user name and password, "
        "`proxy` whom a reverse proxy has signed in.",
    )
    web_user: str | None = Field(None, description="User name, with `basic`.")
    web_password: SecretStr | None = Field(None, description="Password, with `basic`.")
    web_password_file: Path | None = Field(None, description="File that holds that password instead.")
    web_proxies: str = Field(
        "",
        description="Networks of reverse proxies whose headers are believed, such as `10.0.0.0/8`, with commas: "
        "X-Forwarded-For for the rate limit, and PETCT_WEB_PROXY_HEADER.",
    )
    web_proxy_header: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]*$")] = Field(
        "X-Forwarded-User", description="Header in which the proxy names who signed in, with `proxy`."
    )
    web_rate: int = Field(
        300, ge=0, description="Requests a minute of one client; a trial or an inquiry counts as five. 0: no limit."
    )
    shutdown_seconds: float = Field(10.0, gt=0, le=300, description="Budget of an orderly stop.")

    @field_validator("web_workers")
    @classmethod
    def _workers(cls, value: str) -> str:
        for url in _listed(value):
            if not re.fullmatch(r"https?://[^/\s?#]+/?", url):
                raise PydanticCustomError("address", "not a list of http://host:port")
        return value

    @field_validator("web_proxies")
    @classmethod
    def _networks(cls, value: str) -> str:
        try:
            for network in _listed(value):
                ip_network(network)
        except ValueError:
            raise PydanticCustomError("network", "not a list of networks") from None
        return value

    @classmethod
    def _cross_check(cls, given: Mapping[str, Any]) -> list[SettingProblem]:
        found = super()._cross_check(given)
        access = given["web_access"]
        if access == "basic":
            if given["web_user"] is None:
                found.append(cls._problem("web_user", "is not set, but `basic` needs one"))
            if given["web_password"] is None and given["web_password_file"] is None:
                found.append(cls._problem("web_password", "is not set, but `basic` needs one"))
        if access == "proxy" and not given["web_proxies"]:
            found.append(cls._problem("web_proxies", "is not set, but `proxy` believes nobody else"))
        if str(given["web_surveillance"]).lower() in {"true", "1", "yes", "on"} and access == "open":
            found.append(cls._problem("web_access", "is open, but PETCT_WEB_SURVEILLANCE needs a sign-in"))
        if str(given["web_inquiry"]).lower() in {"true", "1", "yes", "on"}:
            if access == "open":
                found.append(cls._problem("web_access", "is open, but PETCT_WEB_INQUIRY needs a sign-in"))
            if given["board_url"] is None:
                found.append(cls._problem("board_url", "is not set, but PETCT_WEB_INQUIRY asks there"))
            if given["inquiry_token"] is None and given["inquiry_token_file"] is None:
                found.append(cls._problem("inquiry_token", "is not set, but PETCT_WEB_INQUIRY needs it"))
        return found + cls._secret_problems(given, "web_password", "web_password_file")

    @property
    def password(self) -> str:
        """Never log it."""
        return _secret(self.web_password, self.web_password_file) or ""

    @property
    def workers(self) -> tuple[str, ...]:
        return tuple(url.rstrip("/") for url in _listed(self.web_workers))

    @property
    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(ip_network(network) for network in _listed(self.web_proxies))


def _given_secret(given: Mapping[str, Any], name: str) -> str | None:
    """A secret as it stands in settings or in the environment, by itself or in its file; None where there is none."""
    value, path = given.get(name), given.get(f"{name}_file")
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if value is not None or path is None else _read_secret(Path(path))


def _disclosure_secrets() -> set[str]:
    """Those that this process could see. Nothing is said of one that cannot be read: it is not ours to use."""
    given = {name: os.environ.get(variable(name)) or None for name in SecretSettings.model_fields}
    found = set()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if (first := _given_secret(given, "disclosure_secret")) is not None:
            found.add(first)
    with contextlib.suppress(OSError, ValueError):
        if (later := _given_secret(given, "disclosure_later_secrets")) is not None:
            found |= {secret.decode("utf-8", "surrogateescape") for _, secret in read_later(later)}
    return found


def _listed(value: str) -> list[str]:
    return [part.strip() for part in value.split(",") if part.strip()]


S = TypeVar("S", bound=_Environment)


def load(kind: type[S]) -> S:
    """Read `kind` from the environment. Raises SettingsError, which names every variable that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        found = [_field_problem(kind, details) for details in error.errors(include_url=False, include_input=False)]
    # What is wrong between settings pydantic looks at only when each of them is right: tell it now, not the next time.
    wrong = {problem.variable for problem in found}
    given = {
        name: os.environ.get(variable(name)) or (None if field.is_required() else field.default)
        for name, field in kind.model_fields.items()
    }
    found += [problem for problem in kind._cross_check(given) if problem.variable not in wrong]
    raise SettingsError(found)


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def misspelt(environment: Mapping[str, str], kind: type[BaseSettings] = Settings) -> list[tuple[str, str]]:
    """Variables that look like a misspelt one of ours, each with the one that was probably meant.

    Other unknown ones are left alone: Kubernetes puts its own into every pod.
    """
    known = {variable(name) for name in kind.model_fields}
    pairs = []
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            pairs += [(name, near[0])] if near else []
    return pairs


def ssl_context(settings: KafkaSettings) -> ssl.SSLContext | None:
    """What `SSL` and `SASL_SSL` talk through; None with the other protocols.

    Raises SettingsError when a certificate or key cannot be used.
    """
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    reading = "kafka_ssl_cafile"
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ssl_cafile)
        context.check_hostname = settings.kafka_ssl_check_hostname
        if settings.kafka_ssl_certfile is not None:
            reading = "kafka_ssl_certfile"
            context.load_cert_chain(
                settings.kafka_ssl_certfile,
                settings.kafka_ssl_keyfile,
                # Without one, OpenSSL would ask on the terminal.
                settings.ssl_key_password or "",
            )
    except (OSError, ssl.SSLError) as error:
        problem = f"names a file that cannot be used ({error.strerror or type(error).__name__})"
        raise SettingsError(
            [SettingProblem(variable(reading), problem, "Give PEM files that belong together, and the key's password.")]
        ) from None
    return context


def _secret(value: SecretStr | None, path: Path | None) -> str | None:
    if value is not None:
        return value.get_secret_value()
    return _read_secret(path) if path is not None else None


def _read_secret(path: Path) -> str:
    return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")


def _field_problem(kind: type[_Environment], details: ErrorDetails) -> SettingProblem:
    name = str(details["loc"][0])
    if details["type"] == "missing":
        return kind._problem(name, "is not set")
    message = details["msg"]
    return kind._problem(name, f"is wrong: {message[:1].lower()}{message[1:]}")
