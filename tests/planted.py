"""What surveillance found of a year's planted cases, and what it found besides, rule by rule."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from streams.rulebook import load_rulebook
from streams.simulate_year import RULES, Codes, Planted, Year
from streams.surveillance.offline import Offline
from streams.surveillance.persons import person_key
from streams.surveillance.thresholds import Thresholds, load_thresholds

SECRET = b"surveillance of a test"
Finding = Mapping[str, Any]


@dataclass(slots=True)
class Told:
    """Of one rule. `false` are findings that rest on no abuse that was planted."""

    planted: int = 0
    missed: list[str] = field(default_factory=list)
    """Cases with their kind."""
    findings: int = 0
    of_another: int = 0
    """Findings that rest on abuse planted for another rule: worth a look, and not counted as false."""
    false: list[Finding] = field(default_factory=list)
    innocent: int = 0
    """Innocents that were planted."""
    suspected: int = 0
    """How many of them some finding of this rule names."""
    innocents: Counter[str] = field(default_factory=Counter)
    """False findings by the kind of planted innocent that they met, else by whether their hospital ever abused."""

    @property
    def found(self) -> int:
        return self.planted - len(self.missed)


@dataclass(frozen=True, slots=True)
class Verdict:
    rules: dict[str, Told]
    records: int
    scans: int
    seconds: float

    def table(self) -> str:
        """For people, in Markdown."""
        lines = [
            "| rule | abuse planted | found | innocents planted | suspected | findings | of another rule's abuse "
            "| false | which were |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---|",
        ]
        for rule, told in self.rules.items():
            which = ", ".join(f"{count} × {kind}" for kind, count in sorted(told.innocents.items()))
            lines.append(
                f"| `{rule}` | {told.planted} | {told.found} | {told.innocent} | {told.suspected} | {told.findings} "
                f"| {told.of_another} | {len(told.false)} | {which} |"
            )
        return "\n".join(lines)


def codes(thresholds: Thresholds) -> Codes:
    """Of the items that these thresholds look for beside an examination."""
    kept = thresholds.item_codes
    return Codes(report_fee=min(kept.report_fees), partial_scan=min(kept.partial_scans))


def judged(seed: int, scale: float, thresholds: Thresholds | None = None) -> Verdict:
    """A whole year through the offline engine, which has no case and no list of what was planted."""
    thresholds = thresholds or load_thresholds()
    offline = Offline(load_rulebook(), thresholds, SECRET)
    year = Year(seed, scale, codes(thresholds))
    began, records = time.perf_counter(), 0
    for _, value in year.records():
        offline.take(value)
        records += 1
    findings = offline.findings().values()
    return Verdict(compare(year.planted, findings, SECRET), records, year.scans, time.perf_counter() - began)


def compare(planted: Iterable[Planted], findings: Iterable[Finding], secret: bytes) -> dict[str, Told]:
    """Every open finding is a case's, another rule's, or false."""
    told = {rule: Told() for rule in RULES}
    by_subject: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        told[finding["rule"]].findings += 1
        for subject in [finding["person"]] if finding["person"] else finding["hospitals"]:
            by_subject[subject].append(finding)
    explained: set[str] = set()
    met: dict[str, str] = {}
    for case in planted:
        subjects = case.hospitals if case.person_id is None else [person_key(secret, case.person_id)]
        own = [
            one
            for subject in subjects
            for one in by_subject[subject]
            if one["rule"] == case.rule and _shares(case, one)
        ]
        if not case.abuse:
            told[case.rule].innocent += 1
            told[case.rule].suspected += bool(own)
            met.update((one["finding_id"], case.kind) for one in own)
            continue
        told[case.rule].planted += 1
        explained.update(one["finding_id"] for one in own)
        if not own:
            told[case.rule].missed.append(f"{case.case}: {case.kind}")
    elsewhere = _of_abuse(planted, by_subject)
    abused = {hospital for case in planted if case.abuse and case.person_id is None for hospital in case.hospitals}
    for finding in {one["finding_id"]: one for ones in by_subject.values() for one in ones}.values():
        if (name := finding["finding_id"]) in explained:
            continue
        rule = told[finding["rule"]]
        if name in elsewhere:
            rule.of_another += 1
        else:
            rule.false.append(finding)
            after = "before or after abuse" if abused & set(finding["hospitals"]) else "ordinary"
            rule.innocents[met.get(name, after)] += 1
    return told


def _of_abuse(planted: Iterable[Planted], by_subject: defaultdict[str, list[Finding]]) -> set[str]:
    """Findings about a hospital on days on which it abused, whatever the rule, or mostly on settlements of abuse."""
    abuse = [case for case in planted if case.abuse]
    named = {settlement_id for case in abuse for settlement_id in case.settlement_ids}
    found = set()
    for finding in (one for ones in by_subject.values() for one in ones):
        of = finding["evidence"]["settlement_ids"]
        if of and 2 * sum(one in named for one in of) >= len(of):
            found.add(finding["finding_id"])
    for case in abuse:
        if case.person_id is None:
            meeting = (one for hospital in case.hospitals for one in by_subject[hospital] if _overlaps(case, one))
            found.update(one["finding_id"] for one in meeting)
    return found


def _shares(case: Planted, finding: Finding) -> bool:
    """About some of the same settlements."""
    return not set(case.settlement_ids).isdisjoint(finding["evidence"]["settlement_ids"])


def _overlaps(case: Planted, finding: Finding) -> bool:
    """About some of the same days."""
    first, last = (date.fromisoformat(finding["window"][end]) for end in ("from", "to"))
    return first <= case.last and case.first <= last
