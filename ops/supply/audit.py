"""Known vulnerabilities among the exact versions of constraints.txt, by pip-audit.

``python -m ops.supply.audit PIP_AUDIT``. Where no advisory service can be reached, pip-audit finds nothing and says so
as if all were well; this says that nothing was looked at. Exit status: 0 nothing found, or nothing looked at (with
REQUIRE_AUDIT=1 that is a failure); 1 found.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.kafka.broker import CHECKOUT


@dataclass(frozen=True, slots=True)
class Verdict:
    """`looked_at` of how many the service knows something, be it nothing bad; `found` what is bad, one line each."""

    looked_at: int
    skipped: int
    found: tuple[str, ...]


def judge(report: Mapping[str, Any]) -> Verdict:
    """Of pip-audit's JSON."""
    known = [one for one in report["dependencies"] if "vulns" in one]
    found = [
        f"{one['name']} {one['version']}: {vulnerability['id']}"
        + (f", mended in {', '.join(vulnerability['fix_versions'])}" if vulnerability.get("fix_versions") else "")
        for one in known
        for vulnerability in one["vulns"]
    ]
    return Verdict(len(known), len(report["dependencies"]) - len(known), tuple(found))


def main(pip_audit: str) -> int:
    command = [pip_audit, "--requirement", str(CHECKOUT / "constraints.txt"), "--disable-pip", "--no-deps"]
    done = subprocess.run(
        [*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True, check=False
    )
    try:
        verdict = judge(json.loads(done.stdout))
    except ValueError:
        verdict = Verdict(0, 0, ())
    for line in verdict.found:
        print(f"VULNERABLE: {line}")
    if verdict.found:
        return 1
    if verdict.looked_at == 0:
        print("NOT AUDITED: no advisory service can be reached from here; nothing is known of any dependency.")
        return 1 if os.environ.get("REQUIRE_AUDIT") == "1" else 0
    print(f"{verdict.looked_at} dependencies looked at, {verdict.skipped} unknown to the service: nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
