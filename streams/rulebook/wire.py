"""The shape of a notice on the wire: as YAML in `notices/`, and as canonical JSON in a release. Closed: no unknown key.

Each entry knows how to become its frozen rule (`model.py`). Checks that need more than one value of an entry are here,
those across entries in `crosschecks.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, ValidationInfo, field_validator

from schemas.events import Indication
from streams.rulebook import model
from streams.rulebook.fields import (
    AsList,
    AsSet,
    AsSetOrEmpty,
    Authority,
    Code,
    Count,
    Day,
    ExamId,
    Flag,
    Flaw,
    Identifier,
    Money,
    Price,
    Ratio,
    RatioOrUnknown,
    Region,
    Text,
    flawed,
    refuse,
)

FORMAT: Final = 1
"""Version of the canonical form. Raised when an older reader could misread a newer release."""

UNKNOWN: Final = "unknown"
INDICATIONS: Final[tuple[str, ...]] = get_args(Indication)

Document = Literal[
    "insurance_card",
    "identity_card",
    "invoice",
    "itemised_list",
    "examination_report",
    "diagnosis_proof",
    "out_of_area_filing",
]
Bucket = Literal["hifp_pay", "hifmi_pay", "hifob_pay"]


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClauseEntry(Wire):
    clause: Text
    says: Text
    source: Text | None = None

    def quote(self) -> model.Clause:
        return model.Clause(self.clause, self.says, source=self.source)


def _after_the_start(value: Any, info: ValidationInfo) -> Any:
    start = info.data.get("effective_from")
    if start is not None and value is not None and value <= start:
        raise flawed(f"{value} is not after effective_from {start}", "write a later day, or correct effective_from")
    return value


class Entry(Wire):
    """What every entry states."""

    source: Text
    clause: Text
    says: Text
    authority: Authority
    region: Region
    exam: ExamId
    effective_from: Day
    effective_to: Day | None = None
    reviewed_until: Day
    reviewed_note: Text | None = None

    @field_validator("effective_to", "reviewed_until")
    @classmethod
    def _ends_later(cls, value: Any, info: ValidationInfo) -> Any:
        return _after_the_start(value, info)

    def rule(self, id: str) -> model.Rule:
        raise NotImplementedError

    def common(self, id: str) -> dict[str, Any]:
        return {"id": id, **{name: getattr(self, name) for name in Entry.model_fields}}


class PriceEntry(Entry):
    unit_price: Price
    role: Literal["price", "ceiling"]
    binds: AsSet[model.Ownership]

    def rule(self, id: str) -> model.PriceRule:
        return model.PriceRule(
            **self.common(id), unit_price=self.unit_price, role=self.role, binds=frozenset(self.binds)
        )


class CeilingEntry(ClauseEntry):
    amount: Price


class OutOfAreaEntry(ClauseEntry):
    terms: model.OutOfAreaTerms


class ManualClaimEntry(ClauseEntry):
    window_days: Count
    documents: AsSet[Document]
    documents_out_of_area: AsSet[Document] | None = None

    @field_validator("documents_out_of_area")
    @classmethod
    def _only_extra(cls, values: list[str], info: ValidationInfo) -> list[str]:
        always = info.data.get("documents", ())
        refuse(
            Flaw((), f"{value} is required of everyone already", "leave it away in one of the two lists")
            for value in values
            if value in always
        )
        return values

    def terms(self) -> model.ManualClaimTerms:
        extra = frozenset(self.documents_out_of_area or ())
        return model.ManualClaimTerms(
            self.clause, self.says, self.window_days, frozenset(self.documents), extra, source=self.source
        )


class PayoutEntry(ClauseEntry):
    earliest: Count
    latest: Count

    @field_validator("latest")
    @classmethod
    def _not_before_the_earliest(cls, latest: int, info: ValidationInfo) -> int:
        if latest < info.data.get("earliest", 0):
            raise flawed(f"{latest} lies before earliest {info.data['earliest']}", "write the larger number of days")
        return latest

    def terms(self) -> model.PayoutTerms:
        return model.PayoutTerms(self.clause, self.says, self.earliest, self.latest, source=self.source)


class CoverageEntry(Entry):
    schemes: AsSet[model.Scheme]
    covered: AsSetOrEmpty[Indication]
    doubtful: AsSetOrEmpty[Indication]
    excluded: AsSetOrEmpty[Indication]
    indications: ClauseEntry | None = None
    payment_ceiling: CeilingEntry | None = None
    out_of_area: OutOfAreaEntry
    accepts_suspicion: Flag
    requires_clinical_basis: Flag
    manual_claim: ManualClaimEntry | None = None
    payout: PayoutEntry | None = None
    no_clawback: ClauseEntry | None = None

    @field_validator("excluded")
    @classmethod
    def _each_indication_in_one_group(cls, excluded: list[str], info: ValidationInfo) -> list[str]:
        if "covered" not in info.data or "doubtful" not in info.data:
            return excluded
        held = {"covered": info.data["covered"], "doubtful": info.data["doubtful"], "excluded": excluded}

        def flaws() -> Iterator[Flaw]:
            for indication in INDICATIONS:
                groups = [group for group, members in held.items() if indication in members]
                if not groups:
                    yield Flaw(
                        (),
                        f"the indication {indication} is in no group",
                        "put it in covered, doubtful or excluded: doubtful where the text does not decide",
                    )
                elif len(groups) > 1:
                    yield Flaw((), f"the indication {indication} is in {' and in '.join(groups)}", "keep it in one")

        refuse(flaws())
        return excluded

    def rule(self, id: str) -> model.CoverageRule:
        ceiling = self.payment_ceiling
        return model.CoverageRule(
            **self.common(id),
            schemes=frozenset(self.schemes),
            covered=frozenset(self.covered),
            doubtful=frozenset(self.doubtful),
            excluded=frozenset(self.excluded),
            indications=self.indications.quote() if self.indications else model.Clause(self.clause, self.says),
            payment_ceiling=ceiling.amount if ceiling else None,
            payment_ceiling_clause=ceiling.quote() if ceiling else None,
            out_of_area=self.out_of_area.terms,
            out_of_area_clause=self.out_of_area.quote(),
            accepts_suspicion=self.accepts_suspicion,
            requires_clinical_basis=self.requires_clinical_basis,
            manual_claim=self.manual_claim.terms() if self.manual_claim else None,
            payout=self.payout.terms() if self.payout else None,
            no_clawback=self.no_clawback.quote() if self.no_clawback else None,
        )


class BandEntry(Wire):
    """A slice of `own_paid_ytd`. Without `upper` it has no end."""

    lower: Money
    upper: Money | None = None
    ratio: RatioOrUnknown

    @field_validator("upper")
    @classmethod
    def _above_lower(cls, upper: Decimal | None, info: ValidationInfo) -> Decimal | None:
        lower = info.data.get("lower")
        if upper is not None and lower is not None and upper <= lower:
            raise flawed(f"{upper} is not above lower {lower}", "write the larger amount, or swap the two")
        return upper


def _bands_in_a_row(bands: list[BandEntry]) -> list[BandEntry]:
    if not bands:
        raise flawed("is an empty list", "write at least one band, the last without upper")

    def flaws() -> Iterator[Flaw]:
        for at in range(1, len(bands)):
            before, band = bands[at - 1], bands[at]
            if before.upper is None:
                yield Flaw((at - 1,), "has no upper, but another band follows", "write its upper amount")
            elif band.lower < before.lower:
                yield Flaw((at,), "the bands are not in ascending order", "sort them by lower")
            elif band.lower < before.upper:
                mend = f'let this one begin with lower: "{before.upper}"'
                yield Flaw((at,), f"overlaps the band before it from {band.lower} to {before.upper}", mend)
            elif band.lower > before.upper:
                mend = f"add a band from {before.upper} to {band.lower}, with ratio: unknown where it is not known"
                yield Flaw((at,), f"leaves a hole from {before.upper} to {band.lower}", mend)
        if (end := bands[-1].upper) is not None:
            mend = f'add {{lower: "{end}", ratio: unknown}}, or the ratio where it is known ("0" where nothing is paid)'
            yield Flaw((len(bands) - 1,), f"nothing is said about what lies above {end}", mend)

    refuse(flaws())
    return bands


def _at_least_one(values: Any) -> Any:
    if not values:
        raise flawed("is empty", "write at least one")
    return values


class RatioTerms(Wire):
    ratio: Ratio

    def terms(self) -> model.Terms:
        return model.Terms(self.ratio, None)


class BandTerms(Wire):
    bands: Annotated[list[BandEntry], AfterValidator(_bands_in_a_row)]

    def terms(self) -> model.Terms:
        return model.Terms(
            None,
            tuple(
                model.Band(band.lower, band.upper, band.ratio if isinstance(band.ratio, Decimal) else None)
                for band in self.bands
            ),
        )


class RangeEntry(Wire):
    low: Ratio
    high: Ratio

    @field_validator("high")
    @classmethod
    def _not_below_low(cls, high: Decimal, info: ValidationInfo) -> Decimal:
        if high < info.data.get("low", 0):
            raise flawed(f"{high} is below low {info.data['low']}", "swap the two")
        return high


class CapEntry(ClauseEntry):
    amount: Price
    approximate: Flag


class BenefitEntry(Entry):
    """What the three kinds of benefit share. A scheme without a bucket is not served."""

    buckets: dict[model.Scheme, Bucket]
    caps: dict[model.Scheme, CapEntry] | None = None
    assistance_unknown: Flag = False

    @field_validator("buckets")
    @classmethod
    def _right_fund(cls, buckets: dict[str, str]) -> dict[str, str]:
        """居民大病保险 pays residents, 职工大额医疗费用补助 employees, never the other way round. Source: POLICY."""
        owner = {"hifob_pay": "employee", "hifmi_pay": "resident"}
        refuse(
            Flaw(
                (scheme,),
                f"{bucket} is the fund of the scheme {owner[bucket]}, not of {scheme}",
                "write hifob_pay for employee, hifmi_pay for resident, hifp_pay for the pooled fund of either",
            )
            for scheme, bucket in buckets.items()
            if owner.get(bucket, scheme) != scheme
        )
        return dict(_at_least_one(buckets))

    @field_validator("caps")
    @classmethod
    def _caps_of_served_schemes(cls, caps: dict[str, CapEntry], info: ValidationInfo) -> dict[str, CapEntry]:
        return dict(_served(caps, info))

    def benefit(self, id: str, kind: str, terms: model.Terms | None, **more: Any) -> model.BenefitRule:
        return model.BenefitRule(
            **self.common(id),
            kind=kind,  # type: ignore[arg-type]
            buckets=dict(self.buckets),
            terms=terms,
            caps={
                scheme: model.AnnualCap(cap.clause, cap.says, cap.amount, cap.approximate)
                for scheme, cap in (self.caps or {}).items()
            },
            assistance_unknown=self.assistance_unknown,
            ranges=more.get("ranges", {}),
            assistance_terms=more.get("assistance_terms", {}),
            assistance_clause=more.get("assistance_clause"),
        )


def _served(by_scheme: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
    buckets = info.data.get("buckets", by_scheme)
    refuse(
        Flaw((scheme,), f"the scheme {scheme} has no bucket", "add its fund to buckets, or leave this away")
        for scheme in by_scheme
        if scheme not in buckets
    )
    return by_scheme


class RatioAssistance(ClauseEntry):
    low_income: RatioTerms | None = None
    extreme_poverty: RatioTerms | None = None


class BandAssistance(ClauseEntry):
    low_income: BandTerms | None = None
    extreme_poverty: BandTerms | None = None


def _known_or_not(assistance: Any, info: ValidationInfo) -> Any:
    if info.data.get("assistance_unknown"):
        raise flawed("is given beside assistance_unknown: true", "keep one of the two")
    if assistance.low_income is None and assistance.extreme_poverty is None:
        raise flawed("states no terms", "add low_income or extreme_poverty, or leave it away")
    return assistance


def _assistance(given: RatioAssistance | BandAssistance | None) -> dict[str, Any]:
    if given is None:
        return {}
    terms = {"low_income": given.low_income, "extreme_poverty": given.extreme_poverty}
    return {
        "assistance_terms": {who: held.terms() for who, held in terms.items() if held is not None},
        "assistance_clause": given.quote(),
    }


class FlatBenefitEntry(BenefitEntry, RatioTerms):
    kind: Literal["flat"]
    assistance: Annotated[RatioAssistance, AfterValidator(_known_or_not)] | None = None

    def rule(self, id: str) -> model.BenefitRule:
        return self.benefit(id, self.kind, self.terms(), **_assistance(self.assistance))


class ProgressiveBenefitEntry(BenefitEntry, BandTerms):
    kind: Literal["progressive"]
    assistance: Annotated[BandAssistance, AfterValidator(_known_or_not)] | None = None

    def rule(self, id: str) -> model.BenefitRule:
        return self.benefit(id, self.kind, self.terms(), **_assistance(self.assistance))


Ranges = dict[model.Scheme, Annotated[dict[model.PatientStatus, RangeEntry], AfterValidator(_at_least_one)]]


class PlatformRatioBenefitEntry(BenefitEntry):
    kind: Literal["platform_ratio"]
    ranges: Ranges

    @field_validator("ranges")
    @classmethod
    def _ranges_of_served_schemes(cls, ranges: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        _served(ranges, info)
        refuse(
            Flaw((), f"the scheme {scheme} has a bucket but no range", "add its range, or take it out of buckets")
            for scheme in info.data.get("buckets", ())
            if scheme not in ranges
        )
        return ranges

    def rule(self, id: str) -> model.BenefitRule:
        ranges = {
            (scheme, status): model.RatioRange(held.low, held.high)
            for scheme, statuses in self.ranges.items()
            for status, held in statuses.items()
        }
        return self.benefit(id, self.kind, None, ranges=ranges)


class FactorEntry(ClauseEntry):
    kind: model.FilingKind
    where: Literal["in_province", "out_of_province"] | None = None
    factor: Ratio


def _one_factor_a_case(factors: list[FactorEntry]) -> list[FactorEntry]:
    def flaws() -> Iterator[Flaw]:
        for at, factor in enumerate(factors):
            for before in factors[:at]:
                if factor.kind == before.kind and (factor.where is None or before.where in (None, factor.where)):
                    yield Flaw((at,), f"a second factor for {factor.kind}", "keep one, or tell them apart by where")

    refuse(flaws())
    return sorted(_at_least_one(factors), key=lambda factor: (factor.kind, factor.where or ""))


class OutOfAreaFactorsEntry(Entry):
    factors: Annotated[list[FactorEntry], AfterValidator(_one_factor_a_case)]

    def rule(self, id: str) -> model.OutOfAreaFactorsRule:
        factors = tuple(
            model.OutOfAreaFactor(held.clause, held.says, held.kind, held.where, held.factor, source=held.source)
            for held in self.factors
        )
        return model.OutOfAreaFactorsRule(**self.common(id), factors=factors)


AGE_TOP_LEAST: Final = 60
AgeTop = Annotated[StrictInt, Field(ge=AGE_TOP_LEAST, le=120)]


class DisclosureEntry(Entry):
    frequency: Literal["daily"]
    fields: AsList[Literal["surname", "age", "diagnosis", "price"]]
    surname_policy: model.SurnamePolicy | None = None
    age_top: AgeTop | None = None

    def rule(self, id: str) -> model.DisclosureRule:
        return model.DisclosureRule(
            **self.common(id),
            frequency=self.frequency,
            fields=tuple(self.fields),
            surname_policy=self.surname_policy or "as_ordered",
            age_top=self.age_top,
        )


class MonitoringEntry(Entry):
    def rule(self, id: str) -> model.MonitoringRule:
        return model.MonitoringRule(**self.common(id))


ENTRIES: Final[dict[str, type[Entry]]] = {
    "price": PriceEntry,
    "coverage": CoverageEntry,
    "disclosure": DisclosureEntry,
    "out_of_area_factors": OutOfAreaFactorsEntry,
    "monitoring": MonitoringEntry,
}
BENEFITS: Final[dict[str, type[BenefitEntry]]] = {
    "flat": FlatBenefitEntry,
    "progressive": ProgressiveBenefitEntry,
    "platform_ratio": PlatformRatioBenefitEntry,
}


class NoticeHeader(Wire):
    id: Identifier
    title: Text
    source: Text
    authority: Authority
    printed: Day | None = None
    posted: Day | None = None
    found: Text


class ItemCodeEntry(Wire):
    code: Code
    system: Text
    source: Text
    region: Region | None = None
    effective_from: Day | None = None
    effective_to: Day | None = None

    @field_validator("effective_to")
    @classmethod
    def _ends_later(cls, value: Any, info: ValidationInfo) -> Any:
        return _after_the_start(value, info)

    @property
    def order(self) -> tuple[str, str, str]:
        """A code may be listed for several regions and periods; their order in the file says nothing."""
        return self.code, self.region or "", self.effective_from.isoformat() if self.effective_from else ""

    def meets(self, other: ItemCodeEntry) -> bool:
        """Both speak of one code in one region on some day."""
        return (self.code, self.region) == (other.code, other.region) and all(
            one.effective_from is None or two.effective_to is None or one.effective_from < two.effective_to
            for one, two in ((self, other), (other, self))
        )


class ExamEntry(Wire):
    name: Text
    codes: Annotated[list[ItemCodeEntry], AfterValidator(_at_least_one)]


@dataclass(frozen=True, slots=True)
class WireNotice:
    header: NoticeHeader
    entries: dict[str, Entry]


@dataclass(frozen=True, slots=True)
class WireRulebook:
    """A whole checked rulebook, as it is written."""

    exams: dict[str, ExamEntry]
    notices: dict[str, WireNotice]

    def exams_by_id(self) -> dict[str, model.Exam]:
        return {
            id: model.Exam(
                id,
                exam.name,
                tuple(model.ItemCode(**dict(item)) for item in sorted(exam.codes, key=lambda item: item.order)),
            )
            for id, exam in sorted(self.exams.items())
        }

    def headers(self) -> tuple[model.Notice, ...]:
        return tuple(
            model.Notice(**dict(notice.header), entries=tuple(sorted(notice.entries)))
            for _, notice in sorted(self.notices.items())
        )

    def rules(self) -> tuple[model.Rule, ...]:
        return tuple(
            entry.rule(f"{id}/{name}")
            for id, notice in sorted(self.notices.items())
            for name, entry in sorted(notice.entries.items())
        )
