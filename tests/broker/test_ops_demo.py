"""`make ops-demo`: all of it runs, its addresses are told, and Ctrl-C leaves nothing behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import psutil
import pytest

from ops.kafka.broker import RealKafka
from tests.broker.workers import CHECKOUT, PATIENCE


@pytest.mark.real_kafka
@pytest.mark.slow
@pytest.mark.usefixtures("prometheus_installed")
def test_it_tells_its_addresses_shows_numbers_and_leaves_nothing_behind(real_kafka: RealKafka, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ops.demo", "--workers", "1", "--rate", "100"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    out = tmp_path / "out"
    with out.open("wb") as written:
        demo = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=written, stderr=written)
    try:
        prometheus = _until(r"Prometheus +(http://\S+)/graph", out, demo)
        hospitals = _until(r"watch +(http://\S+)", out, demo)
        status = _until(r"worker 1 +(http://\S+)/status", out, demo)
        children = psutil.Process(demo.pid).children(recursive=True)
        assert {"java", "prometheus"} <= {child.name() for child in children}
        end = time.monotonic() + PATIENCE
        while not (found := _query(prometheus, "sum(petct_settlements_total)")) or float(found[0]["value"][1]) < 20:
            assert time.monotonic() < end, out.read_text()
            time.sleep(0.5)
        while [found["value"][1] for found in _query(prometheus, 'up{job="petct-watch"}')] != ["1"]:
            assert time.monotonic() < end, out.read_text()
            time.sleep(0.5)
        with urllib.request.urlopen(hospitals, timeout=10) as answer:
            assert "hospitals" in json.load(answer)
        with urllib.request.urlopen(f"{status}/readyz", timeout=10) as answer:
            assert answer.read() == b"ok\n"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(PATIENCE) == 0, out.read_text()
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(PATIENCE)
    assert "nothing is left behind" in out.read_text()
    assert not [child for child in children if child.is_running()]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def _until(pattern: str, out: Path, demo: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + PATIENCE
    while (found := re.search(pattern, out.read_text())) is None:
        assert demo.poll() is None, out.read_text()
        assert time.monotonic() < end, out.read_text()
        time.sleep(0.2)
    return found[1]


def _query(url: str, expression: str) -> list[dict[str, list[str]]]:
    with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}") as answer:
        found: list[dict[str, list[str]]] = json.load(answer)["data"]["result"]
        return found
