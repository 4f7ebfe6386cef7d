"""限定支付范围: is the examination done for something the notice pays for, and do the diagnoses bear that out?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from streams.adjudication.case import Case
from streams.adjudication.diagnoses import Evidence
from streams.adjudication.gate import Finding, denial, doubt
from streams.rulebook.model import CoverageRule

_GATE: Final = "indication"


def _malignant(evidence: Evidence) -> bool:
    return evidence.malignant


def _malignant_or_treated(evidence: Evidence) -> bool:
    return evidence.malignant or evidence.after_treatment


def _spread_or_unknown_primary(evidence: Evidence) -> bool:
    return evidence.secondary or evidence.unknown_primary


REQUIRED_EVIDENCE: Final[dict[str, Callable[[Evidence], bool]]] = {
    "staging": _malignant,
    "diagnosis": _malignant,
    "efficacy_evaluation": _malignant,
    "post_treatment_recurrence_or_metastasis": _malignant_or_treated,
    "recurrence_monitoring": _malignant_or_treated,
    "unknown_primary_search": _spread_or_unknown_primary,
    "radiotherapy_planning": _malignant,
}


def indication(case: Case, rule: CoverageRule) -> Sequence[Finding]:
    stated, evidence, clause = case.event.request.indication, case.evidence, rule.indications
    if stated is None:
        return (_not_stated(rule, evidence),)
    if stated in rule.excluded:
        return (denial(_GATE, "indication_excluded", rule, f"{stated} is excluded: {clause.says}", clause),)
    if stated in rule.doubtful:
        return (doubt(_GATE, "indication_not_listed", rule, f"{stated} is not listed: {clause.says}", clause),)
    findings = []
    basis = case.event.request.clinical_basis
    suspected = rule.accepts_suspicion and basis == "highly_suspected" and evidence.uncertain
    if not suspected and not _shown(stated, evidence):
        says = f"no diagnosis bears out {stated}: {clause.says}"
        findings.append(doubt(_GATE, "indication_contradicted", rule, says, clause))
    if rule.requires_clinical_basis and basis is None:
        says = f"a clinical basis is required: {clause.says}"
        findings.append(doubt(_GATE, "clinical_basis_missing", rule, says, clause))
    return findings


def _shown(stated: str, evidence: Evidence) -> bool:
    # check_up and non_tumour need no evidence, should a rule ever cover them.
    required = REQUIRED_EVIDENCE.get(stated)
    return required is None or required(evidence)


def _not_stated(rule: CoverageRule, evidence: Evidence) -> Finding:
    clause = rule.indications
    if evidence.only_excluded_purpose:
        says = f"only check-up or screening diagnoses: {clause.says}"
        return denial(_GATE, "indication_excluded", rule, says, clause)
    if not evidence.any or evidence.malignant or evidence.after_treatment or evidence.uncertain:
        says = f"no indication is stated, and diagnoses cannot express one: {clause.says}"
        return doubt(_GATE, "indication_not_stated", rule, says, clause)
    return denial(_GATE, "no_malignancy", rule, f"no diagnosis of a tumour: {clause.says}", clause)
