"""The wheel is complete: it works in an empty environment, from a folder that knows nothing of this checkout."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.kafka.broker import CHECKOUT

# Hangzhou, employee scheme: 1,000 yuan of 5,300 fill up the deductible, of the other 4,300 the fund pays 75 %.
EVENT = {
    "schema_version": "1.0",
    "event_id": "H33010200001202107010930000001",
    "event_type": "settlement.completed",
    "settlement_id": "S2021070100001",
    "occurred_at": "2021-07-01T09:30:00+08:00",
    "claim_channel": "direct",
    "hospital": {
        "code": "H33010200001",
        "name": "示例医院",
        "region": "330102",
        "level": "tertiary",
        "ownership": "public",
        "designated": True,
    },
    "patient": {
        "person_id": "P1",
        "name": "欧阳某某",
        "birth_date": "1960-01-02",
        "insured_region": "330100",
        "scheme": "employee",
        "status": "in_service",
        "tier": None,
        "insurance_active": True,
        "assistance": "none",
    },
    "account": {
        "own_paid_ytd": "24000.00",
        "fund_paid_ytd": "0.00",
        "benefit_ratio": None,
        "assistance_ratio": None,
    },
    "filing": None,
    "request": {"indication": "staging", "purpose": "肿瘤分期", "clinical_basis": "pathology_confirmed"},
    "diagnoses": [{"code": "C34.900", "name": "肺恶性肿瘤", "main": True}],
    "line_items": [
        {
            "line_no": 1,
            "item_code": "002304000070000",
            "item_name": "肿瘤全身断层显像",
            "service_date": "2021-07-01",
            "quantity": "1",
            "unit_price": "5300.00",
            "amount": "5300.00",
            "out_of_catalogue_amount": "0.00",
            "refunds_line_no": None,
        }
    ],
    "manual_claim": None,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(
    command: Sequence[str | Path], cwd: Path, given: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Without this checkout's PYTHONPATH, and with nothing of ours set but what is given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PETCT_", "PYTHONPATH"))}
    return subprocess.run(
        command, cwd=cwd, input=given, env={**inherited, **environment}, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    built = run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out], CHECKOUT)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def petct(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from the wheel alone into an empty environment."""
    environment = tmp_path_factory.mktemp("empty") / "venv"
    venv.create(environment, with_pip=True)
    pip: list[str | Path] = [
        environment / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    installed = run([*pip, "--constraint", CHECKOUT / "constraints.txt", wheel], environment)
    assert installed.returncode == 0, installed.stderr
    return environment / "bin" / "petct"


def test_the_wheel_holds_every_file_of_both_packages_and_nothing_else(wheel: Path) -> None:
    tracked = run(["git", "ls-files", "--", "streams", "schemas"], CHECKOUT).stdout.split()
    packed = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]

    assert sorted(packed) == sorted(tracked)
    assert any(name.startswith("streams/rulebook/notices/") and name.endswith(".yaml") for name in packed)
    assert "streams/adjudication/compound_surnames.txt" in packed
    assert "streams/surveillance/thresholds/national.yaml" in packed


def test_the_installed_command_settles_the_worked_example(petct: Path, tmp_path: Path) -> None:
    done = run([petct, "adjudicate"], tmp_path, json.dumps(EVENT) + "\n", PETCT_DISCLOSURE_SECRET="x")

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["dead_letter"] is None
    totals = answer["adjusted"]["totals"]
    assert (totals["charged_amount"], totals["fund_amount"], totals["patient_amount"]) == (
        "5300.00",
        "3225.00",
        "2075.00",
    )
    assert answer["disclosure"]["exams"][0]["surname"] == "欧阳"


def test_the_installed_command_finds_and_accepts_its_own_notices(petct: Path, tmp_path: Path) -> None:
    done = run([petct, "rulebook", "check"], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "sha256:" in done.stdout


def test_the_installed_command_finds_and_accepts_its_own_thresholds(petct: Path, tmp_path: Path) -> None:
    done = run([petct, "surveillance", "check"], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 entries: no mistake" in done.stdout


def test_without_the_demo_extra_the_demo_says_what_to_install(petct: Path, tmp_path: Path) -> None:
    done = run([petct, "demo"], tmp_path)

    assert done.returncode == 1
    assert "pip install 'petct-settlement[demo]'" in done.stderr
    assert "Traceback" not in done.stderr
