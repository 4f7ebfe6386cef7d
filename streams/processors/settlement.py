"""The settlement processor: the bytes of one record in, its outputs or its dead letter out. It never raises."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import PurePath
from typing import Final, Protocol

import orjson

from schemas import cloudevents, deadletters
from schemas.codec import dumps
from schemas.deadletters import DeadLetterReason
from schemas.events import SettlementCompleted, SettlementUndone
from schemas.moments import midnight
from schemas.reading import DeadLetter
from schemas.secrets import DisclosureSecrets
from schemas.topics import ADJUSTED, DEADLETTERS, DISCLOSURES, MAX_OUTPUT_BYTES
from streams.adjudication.decide import Decision, decide
from streams.adjudication.records import Record as Plain
from streams.adjudication.settlement import Money
from streams.processors.envelope import MAX_BYTES, parse
from streams.processors.form import CONTRACT, Form
from streams.rulebook.index import Rulebook
from streams.rulebook.regions import city_of

Header = tuple[str, bytes | None]


class Record(Protocol):
    """What is read of an input record. `timestamp` in milliseconds since 1970."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[Header]: ...


class Fate(StrEnum):
    """What became of a record."""

    DECIDED = "decided"
    REVERSED = "reversed"
    REFUSED = "refused"
    PASSED_OVER = "passed_over"
    DEAD_LETTER = "dead_letter"


OTHER: Final = "other"
"""The city of whoever is insured where the rulebook has no rule of the city's own."""


class Output:  # noqa: PLW1641 - nothing looks outputs up, and its headers are a list
    """One record to emit at the input's partition number. `topic` is the name without a prefix."""

    __slots__ = ("headers", "key", "topic", "value")

    def __init__(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[Header],
    ) -> None:
        self.topic: Final = topic
        self.key: Final = key
        self.value: Final = value
        self.headers: Final = headers

    def __eq__(self, other: object) -> bool:
        """Whether both are the same on the bus."""
        return isinstance(other, Output) and (self.topic, self.key, self.value, self.headers) == (
            other.topic,
            other.key,
            other.value,
            other.headers,
        )


class Answer:
    """What is to be done about one record, and what the metrics want to know of it."""

    __slots__ = (
        "adjusted",
        "also_withdrawn",
        "city",
        "dead_letter_reason",
        "detail",
        "disclosure",
        "fate",
        "money",
        "outcome",
        "outputs",
        "reasons",
    )

    def __init__(
        self,
        fate: Fate,
        outputs: tuple[Output, ...] = (),
        outcome: str | None = None,
        reasons: tuple[str, ...] = (),
        money: Money | None = None,
        adjusted: Plain | None = None,
        disclosure: Plain | None = None,
        also_withdrawn: tuple[Plain, ...] = (),
        dead_letter_reason: DeadLetterReason | None = None,
        detail: str | None = None,
        city: str = OTHER,
    ) -> None:
        self.fate: Final = fate
        self.outputs: Final = outputs
        self.outcome: Final = outcome
        self.reasons: Final = reasons
        self.money: Final = money
        self.adjusted: Final = adjusted
        self.disclosure: Final = disclosure
        self.also_withdrawn: Final = also_withdrawn
        """Withdrawals under the other ids that the settlement may bear; none without a rotation of the secret."""
        self.dead_letter_reason: Final = dead_letter_reason
        self.detail: Final = detail
        self.city: Final = city
        """Of the insured, where the rulebook has a rule for it: one of few, never whatever an event says."""


PASSED_OVER: Final = Answer(Fate.PASSED_OVER)

# Leaves room below the broker's limit for a key and headers of an event of a megabyte.
_LARGEST_VALUE: Final = MAX_OUTPUT_BYTES - 2 * MAX_BYTES


class SettlementProcessor:
    """Decides records by one rulebook. `secret` keys the ids of disclosures, one or one after the other; `form` is how
    events lie on the bus.

    The answer depends on nothing but the record's value, the rulebook and the secret; topic, partition, offset,
    timestamp, key and headers of the record only travel along into a dead letter.
    """

    def __init__(
        self, rulebook: Rulebook, secret: bytes | DisclosureSecrets, worker_version: str, form: Form = CONTRACT
    ) -> None:
        self.rulebook = rulebook
        self._secrets = DisclosureSecrets.of(secret)
        self._worker_version = worker_version
        self.form: Final = form
        self.passes_over: Final = form.passing_over(rulebook.codes)

    def __call__(self, record: Record) -> Answer:
        value = record.value
        try:
            if value is None or not value or value.isspace():
                raise DeadLetter(DeadLetterReason.EMPTY_VALUE, "expected a settlement event, found no value")
            if self.passes_over(value):
                return PASSED_OVER
            event = self.form.read(parse(value), self.rulebook.codes, self.rulebook.dated_codes)
            if event is None:
                return PASSED_OVER
            return self._answer(event, decide(event, self.rulebook, self._secrets))
        except DeadLetter as letter:
            return self._dead_letter(record, letter)
        except Exception as error:  # nothing a record holds may stop the stream
            return self._dead_letter(record, DeadLetter(DeadLetterReason.PROCESSING_ERROR, _where(error)))

    def plain(self, value: bytes | None) -> Plain:
        """The event as the contract writes it, whether it can be decided or not; empty where there is none."""
        try:
            parsed = orjson.loads(value or b"")
        except orjson.JSONDecodeError:
            return {}
        return self.form.plain(parsed, self.rulebook.codes) if type(parsed) is dict else {}

    def _answer(self, event: SettlementCompleted | SettlementUndone, decision: Decision) -> Answer:
        adjusted, disclosure, settlement = decision.adjusted, decision.disclosure, decision.settlement
        outputs = [self._output(ADJUSTED, adjusted["settlement_id"], adjusted, event.occurred_at.with_offset)]
        if disclosure is not None:
            exams = disclosure["exams"]
            # Each row repeats the diagnosis: few bytes in may be many out.
            if sum(len(exam["diagnosis"]) for exam in exams) > _LARGEST_VALUE:
                raise _output_too_large()
            time = f"{exams[0]['service_date']}T00:00:00+08:00" if exams else midnight(event.occurred_at.day)
            for record in (disclosure, *decision.also_withdrawn):
                outputs.append(self._output(DISCLOSURES, record["disclosure_id"], record, time))
        if settlement is None:
            fate = Fate.REFUSED if disclosure is None else Fate.REVERSED
            also = decision.also_withdrawn
            return Answer(fate, tuple(outputs), adjusted=adjusted, disclosure=disclosure, also_withdrawn=also)
        city = city_of(event.patient.insured_region)  # type: ignore[union-attr] # only these are settled
        return Answer(
            Fate.DECIDED,
            tuple(outputs),
            outcome=adjusted["outcome"],
            reasons=tuple(reason for line in settlement.lines for reason in line.reasons),
            money=decision.money,
            adjusted=adjusted,
            disclosure=disclosure,
            city=city if city in self.rulebook.cities else OTHER,
        )

    def _output(self, topic: str, key: str, record: Plain, time: str) -> Output:
        headers = cloudevents.headers(
            event_id=record["event_id"], event_type=record["event_type"], time=time, rulebook=self.rulebook.hash
        )
        value = dumps(record)
        if len(value) > _LARGEST_VALUE:
            raise _output_too_large()
        return Output(topic, key.encode(), value, headers)

    def _dead_letter(self, record: Record, letter: DeadLetter) -> Answer:
        value = record.value
        headers = [header for header in record.headers if header[0] not in deadletters.OURS]
        headers += [
            (deadletters.REASON, letter.reason.encode()),
            (deadletters.DETAIL, letter.detail.encode()),
            (deadletters.TOPIC, record.topic.encode()),
            (deadletters.PARTITION, str(record.partition).encode()),
            (deadletters.OFFSET, str(record.offset).encode()),
            (deadletters.TIMESTAMP, str(record.timestamp).encode()),
            (deadletters.RULEBOOK, self.rulebook.hash.encode()),
            (deadletters.WORKER_VERSION, self._worker_version.encode()),
        ]
        if value is not None and len(value) > deadletters.MAX_BODY_BYTES:
            value = None
            headers.append((deadletters.BODY, b"withheld"))
        output = Output(DEADLETTERS, record.key, value, headers)
        return Answer(Fate.DEAD_LETTER, (output,), dead_letter_reason=letter.reason, detail=letter.detail)


def _output_too_large() -> DeadLetter:
    return DeadLetter(DeadLetterReason.TOO_LARGE, f"expected outputs of at most {_LARGEST_VALUE} bytes each")


def _where(error: Exception) -> str:
    """The kind of a bug and the line of ours it came from. Its message may quote the event, so it stays out."""
    trace, place = error.__traceback__, "unknown"
    while trace is not None:
        place = f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
