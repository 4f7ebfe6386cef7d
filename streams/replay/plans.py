"""A plan: which records are run again, by which rulebook. Frozen when made, held to it by a hash."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from schemas.codec import dumps
from schemas.topics import DEADLETTERS, EVENTS
from streams.replay.errors import PlanError

Source = Literal["events", "deadletters"]
Outcome = Literal["covered", "not_covered", "needs_review", "no_rule"]
EventType = Literal["settlement.completed", "settlement.reversed", "settlement.voided"]
TOPIC: Final[dict[Source, str]] = {"events": EVENTS, "deadletters": DEADLETTERS}

_HASH_IN_NAMES: Final = 12
_HEAD: Final = """\
# A replay plan. `petct replay run` compares; with --emit it writes corrections too.
# Do not edit: the hash holds the plan to what it was when it was made. Make a new one instead.
"""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Stretch(_Part):
    """Offsets `start` to before `end` of one partition."""

    partition: Annotated[int, Field(ge=0)]
    start: Annotated[int, Field(ge=0)]
    end: Annotated[int, Field(ge=0)]
    retention: Literal["whole", "beginning_may_be_gone"] = "whole"
    """Whether retention may have deleted records between the asked time and `start`."""

    @property
    def offsets(self) -> int:
        """At most so many records: transaction markers and compacted records take offsets too."""
        return self.end - self.start


class Filters(_Part):
    """What of the stretch is meant; None and empty: everything."""

    region: Annotated[str | None, Field(pattern=r"^[0-9]{6}$")] = None
    """Division code; of a city or province, all that lies in it. The hospital's or the insured's."""
    hospital: str | None = None
    scheme: Literal["employee", "resident"] | None = None
    outcomes: tuple[Outcome, ...] = ()
    """Outcomes as they stand before the replay."""
    event_types: tuple[EventType, ...] = ()
    settlement_ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    """Of dead letters: why they became such."""
    letters: tuple[str, ...] = ()
    """Of dead letters: single ones, `partition:offset`."""

    @property
    def of_event(self) -> bool:
        """Whether any of them needs a look into the event."""
        return any((self.region, self.hospital, self.scheme, self.event_types, self.settlement_ids))


class Plan(_Part):
    """`since` and `until` are told for people; the offsets count."""

    version: Literal[1] = 1
    source: Source
    group: str
    """The live consumer group, whose offsets stay untouched."""
    topic_prefix: str
    since: str
    until: str
    rulebook: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    filters: Filters = Filters()
    partitions: tuple[Stretch, ...]

    @property
    def hash(self) -> str:
        """`sha256:<64 hex digits>` of all that the plan says."""
        return "sha256:" + hashlib.sha256(dumps(self.model_dump(mode="json"))).hexdigest()

    @property
    def name(self) -> str:
        """The hash's first digits, for names that people read."""
        return self.hash.removeprefix("sha256:")[:_HASH_IN_NAMES]

    @property
    def estimate(self) -> int:
        """At most so many records are read."""
        return sum(stretch.offsets for stretch in self.partitions)

    def transactional_id(self, partition: int) -> str:
        return f"{self.group}.replay.{self.name}.{partition}"


def write(plan: Plan) -> str:
    """The plan as YAML, with its hash."""
    told: dict[str, Any] = plan.model_dump(mode="json", exclude_defaults=True)
    told = {"hash": plan.hash, "version": plan.version, "records_at_most": plan.estimate, **told}
    told["partitions"] = [stretch.model_dump(mode="json", exclude_defaults=True) for stretch in plan.partitions]
    text = io.StringIO(_HEAD)
    text.seek(0, io.SEEK_END)
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.width = 120
    yaml.dump(told, text)
    return text.getvalue()


def read(path: Path) -> Plan:
    """Raises PlanError for a file that is none, or that was changed since it was made."""
    again = "Make a new one: petct replay plan … -o " + path.name
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise PlanError(f"{path}: there is no such file", "Make a plan first: petct replay plan") from None
    except (OSError, UnicodeDecodeError) as error:
        raise PlanError(f"{path} cannot be read ({type(error).__name__})", again) from None
    except YAMLError:
        raise PlanError(f"{path} is not YAML", again) from None
    if not isinstance(document, dict) or "hash" not in document:
        raise PlanError(f"{path} is no replay plan: it has no hash", again)
    told = {key: value for key, value in document.items() if key not in {"hash", "records_at_most"}}
    try:
        plan = Plan.model_validate(told)
    except ValidationError as error:
        places = ", ".join(".".join(map(str, mistake["loc"])) for mistake in error.errors(include_input=False)[:3])
        raise PlanError(f"{path} is no replay plan this program reads: look at {places}", again) from None
    if plan.hash != document["hash"]:
        raise PlanError(f"{path} was changed after it was made: its content no longer has the hash it names", again)
    return plan
