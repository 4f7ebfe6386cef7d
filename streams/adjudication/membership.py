"""The first two gates: is the hospital designated (定点), and is the person insured in a scheme the notice covers."""

from __future__ import annotations

from collections.abc import Sequence

from streams.adjudication.case import Case
from streams.adjudication.gate import Finding, denial
from streams.rulebook.model import CoverageRule


def designation(case: Case, rule: CoverageRule) -> Sequence[Finding]:
    if case.event.hospital.designated:
        return ()
    return (denial("designation", "hospital_not_designated", rule, "the hospital is not designated (非定点)"),)


def membership(case: Case, rule: CoverageRule) -> Sequence[Finding]:
    patient = case.event.patient
    if patient.insurance_active and patient.scheme in rule.schemes:
        return ()
    findings = []
    if not patient.insurance_active:
        findings.append(denial("membership", "insurance_inactive", rule, "the insurance is not active (参保状态异常)"))
    if patient.scheme not in rule.schemes:
        covered = ", ".join(sorted(rule.schemes))
        says = f"covers {covered}; insured as {patient.scheme}"
        findings.append(denial("membership", "scheme_not_covered", rule, says))
    return findings
