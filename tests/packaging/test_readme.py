"""README's commands work as they are written there."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ops.kafka.broker import CHECKOUT, RealKafka, free_port

README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:sh|bash|console)\n(.*?)```", README, re.DOTALL)
OF_KAFKA = [block for block in BLOCKS if "petct worker settle" in block]
# These would run the test that runs them.
OWN = re.compile(r"^(?:make test\b|make test-|(?:bash )?\.ci/run).*$", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def environment(**more: str) -> dict[str, str]:
    """A shell in which petct is on the path; not a part of the make that may have started these tests."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("ARGS", "MAKE", "MFLAGS", "PETCT_"))
    }
    return {**inherited, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}


@pytest.mark.parametrize("block", [block for block in BLOCKS if block not in OF_KAFKA])
def test_the_commands_of_a_block_run(block: str, tmp_path: Path) -> None:
    """Those of make in the checkout, the others in a folder with the README's example as event.json."""
    example = re.search(r"```json\n(.*?)```", README, re.DOTALL)
    assert example is not None
    (tmp_path / "event.json").write_text(example[1], encoding="utf-8")

    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", OWN.sub("", block)],
        cwd=CHECKOUT if block.startswith("make ") else tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


@pytest.mark.kafka
@pytest.mark.real_kafka
@pytest.mark.parametrize("block", OF_KAFKA)
def test_the_commands_for_a_real_kafka_bring_up_a_worker_that_sigterm_ends_in_order(
    block: str, real_kafka: RealKafka, tmp_path: Path
) -> None:
    """As written but for the broker's address and the secret's folder; on three nodes, for the three copies."""
    secret = tmp_path / "disclosure"
    secret.write_text("not a secret", encoding="utf-8")
    port = free_port()
    with RealKafka(tmp_path / "kafka", nodes=3) as kafka, (tmp_path / "output").open("w+") as output:
        for written, here in {
            "localhost:9092": kafka.bootstrap_servers,
            "/run/secrets/disclosure": str(secret),
            "\npetct worker settle": "\nexec petct worker settle",
        }.items():
            assert written in block
            block = block.replace(written, here)
        worker = subprocess.Popen(
            ["bash", "-euxo", "pipefail", "-c", block],
            cwd=tmp_path,
            env=environment(PETCT_HTTP_PORT=str(port)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        try:
            while worker.poll() is None and not ready(port):
                time.sleep(0.2)
            worker.terminate()
            status = worker.wait(60)
        finally:
            worker.kill()
            worker.wait()
        output.seek(0)
        assert status == 0, output.read()[-3000:]


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def test_there_are_commands_to_try() -> None:
    assert any("make demo" in block for block in BLOCKS)
    assert OF_KAFKA
