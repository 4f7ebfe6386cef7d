"""手工报销: a bill paid in full and claimed afterwards, within a window and with documents."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from streams.adjudication.case import Case
from streams.adjudication.gate import Finding, denial, doubt
from streams.rulebook.model import CoverageRule

_GATE: Final = "manual_claim"


def manual_claim(case: Case, rule: CoverageRule, day: date) -> Sequence[Finding]:
    terms, claim = rule.manual_claim, case.event.manual_claim
    if case.event.claim_channel != "manual" or terms is None:
        return ()
    findings = []
    if claim is not None and (claim.submitted_on - day).days > terms.window_days:
        says = f"submitted more than {terms.window_days} days after the examination: {terms.says}"
        findings.append(denial(_GATE, "submitted_late", rule, says, terms))
    required = terms.documents | terms.documents_out_of_area if case.out_of_area else terms.documents
    missing = required.difference(() if claim is None else claim.documents)
    if claim is None or missing:
        says = f"missing: {', '.join(sorted(missing))}: {terms.says}"
        findings.append(doubt(_GATE, "documents_missing", rule, says, terms))
    return findings
