"""The rulebook as the adjudication reads it: frozen, dated rules, each knowing the clause it comes from.

Amounts are yuan, ratios lie between 0 and 1, intervals are half-open: `effective_from` <= day < `effective_to`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

Authority = Literal["official", "press", "article"]
Ownership = Literal["public", "public_equivalent", "private"]
Scheme = Literal["employee", "resident"]
PatientStatus = Literal["in_service", "retired", "minor", "adult", "senior"]
Assistance = Literal["low_income", "extreme_poverty"]
OutOfAreaTerms = Literal["local_terms", "after_review", "same_province", "filing_required"]
SurnamePolicy = Literal["as_ordered", "mask_rare"]
FilingKind = Literal["long_term", "referral", "emergency", "temporary"]


@dataclass(frozen=True, slots=True)
class Clause:
    """Where a term stands in its source document, and what it says there, in the document's words.

    `source` None: the document of the rule it belongs to.
    """

    clause: str
    says: str
    source: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Rule:
    """What every entry of a notice has. `id` is `<notice id>/<entry>`."""

    id: str
    source: str
    clause: str
    says: str
    authority: Authority
    region: str
    exam: str
    effective_from: date
    effective_to: date | None
    reviewed_until: date
    reviewed_note: str | None


@dataclass(frozen=True, slots=True)
class PriceRule(Rule):
    """The regulated price (政府指导价) a hospital of a bound ownership may not exceed, in yuan for one examination."""

    unit_price: Decimal
    role: Literal["price", "ceiling"]
    binds: frozenset[Ownership]


@dataclass(frozen=True, slots=True)
class ManualClaimTerms(Clause):
    """手工报销: within `window_days` after the examination, with all `documents`.

    `documents_out_of_area` are required only where hospital and insured lie in different cities.
    """

    window_days: int
    documents: frozenset[str]
    documents_out_of_area: frozenset[str]


@dataclass(frozen=True, slots=True)
class PayoutTerms(Clause):
    """A manual claim is paid `earliest` to `latest` working days after it was submitted."""

    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class CoverageRule(Rule):
    """限定支付范围. Every indication lies in exactly one of `covered`, `doubtful`, `excluded`."""

    schemes: frozenset[Scheme]
    covered: frozenset[str]
    doubtful: frozenset[str]
    excluded: frozenset[str]
    indications: Clause
    payment_ceiling: Decimal | None
    payment_ceiling_clause: Clause | None
    out_of_area: OutOfAreaTerms
    out_of_area_clause: Clause
    accepts_suspicion: bool
    requires_clinical_basis: bool
    manual_claim: ManualClaimTerms | None
    payout: PayoutTerms | None
    no_clawback: Clause | None


@dataclass(frozen=True, slots=True)
class Band:
    """One slice of `own_paid_ytd`, from `lower` to `upper` yuan (None: no end). `ratio` None: not known."""

    lower: Decimal
    upper: Decimal | None
    ratio: Decimal | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What the fund pays: one flat `ratio`, or progressive `bands`; the other is None."""

    ratio: Decimal | None
    bands: tuple[Band, ...] | None


@dataclass(frozen=True, slots=True)
class RatioRange:
    """The ratios a platform may state for one scheme and status, both ends included."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class AnnualCap(Clause):
    """What the fund pays one person in a calendar year, in yuan. `approximate`: the source says 约."""

    amount: Decimal
    approximate: bool


@dataclass(frozen=True, slots=True)
class BenefitRule(Rule):
    """大病保险 or pooled fund benefit. A scheme without a bucket is not served by this rule."""

    kind: Literal["flat", "progressive", "platform_ratio"]
    buckets: dict[Scheme, str]
    terms: Terms | None  # flat and progressive
    ranges: dict[tuple[Scheme, PatientStatus], RatioRange]  # platform_ratio
    caps: dict[Scheme, AnnualCap]
    assistance_unknown: bool
    assistance_terms: dict[Assistance, Terms]
    assistance_clause: Clause | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class OutOfAreaFactor(Clause):
    """异地就医: what the local terms are multiplied by. `where` None: in and out of the province alike."""

    kind: FilingKind
    where: Literal["in_province", "out_of_province"] | None
    factor: Decimal


@dataclass(frozen=True, slots=True)
class OutOfAreaFactorsRule(Rule):
    factors: tuple[OutOfAreaFactor, ...]


@dataclass(frozen=True, slots=True)
class DisclosureRule(Rule):
    """信息公开: the designated hospital publishes these fields of each examination, daily.

    `surname_policy` and `age_top` go below what the notice orders, to protect who is easily recognised: surnames few
    people bear are masked, and an age of `age_top` or more is told as just that. Off unless the entry says so.
    """

    frequency: Literal["daily"]
    fields: tuple[str, ...]
    surname_policy: SurnamePolicy = field(default="as_ordered", kw_only=True)
    age_top: int | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class MonitoringRule(Rule):
    """加强监管: a duty to watch spending; it decides nothing about one line."""


@dataclass(frozen=True, slots=True)
class ItemCode:
    """One exact code of an examination, with the document that lists it.

    `region` None: wherever no entry of the code names a region. Without `effective_from` it holds since ever, without
    `effective_to` until further notice.
    """

    code: str
    system: str
    source: str
    region: str | None = None
    effective_from: date | None = None
    effective_to: date | None = None


@dataclass(frozen=True, slots=True)
class Exam:
    """An examination the rulebook knows. `codes` are matched exactly, never by prefix or name."""

    id: str
    name: str
    codes: tuple[ItemCode, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """One source document as the rulebook holds it. `found` says where its text or figures were found."""

    id: str
    title: str
    source: str
    authority: Authority
    printed: date | None
    posted: date | None
    found: str
    entries: tuple[str, ...]
