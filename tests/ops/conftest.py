"""The `promtool` fixture: the real one, of Prometheus."""

import os
import shutil
import subprocess
from collections.abc import Callable

import pytest

Promtool = Callable[..., str]


@pytest.fixture
def promtool() -> Promtool:
    """Runs promtool and returns what it says; the test fails when promtool does.

    Without promtool the test is skipped; with REQUIRE_KAFKA=1, as in CI, it fails.
    """
    found = shutil.which("promtool")
    if found is None:
        mend = "promtool is missing (Debian: apt-get install prometheus)"
        if os.environ.get("REQUIRE_KAFKA") == "1":
            pytest.fail(mend, pytrace=False)
        pytest.skip(mend)

    def run(*arguments: object) -> str:
        done = subprocess.run([found, *map(str, arguments)], capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said

    return run
