"""`petct web` as a process: how it begins, and how it ends."""

import signal
from pathlib import Path

import pytest

from streams.exit_codes import ExitCode
from tests.browser.serving import Pages

pytestmark = pytest.mark.slow


def test_it_ends_by_sigterm_and_a_second_one_is_told_that_the_port_is_taken(tmp_path: Path) -> None:
    with Pages.of(tmp_path) as pages:
        (tmp_path / "second").mkdir()
        second = Pages.of(tmp_path / "second", PETCT_WEB_PORT=str(pages.port))
        super(Pages, second).start()
        assert second.exit_code() == ExitCode.USAGE
        assert "PETCT_WEB_PORT" in second.said()
        assert "Traceback" not in second.said()
        pages.signal(signal.SIGTERM)
        assert pages.exit_code() == ExitCode.OK


def test_a_bus_that_does_not_answer_leaves_the_installed_notices(tmp_path: Path) -> None:
    with Pages.of(tmp_path, PETCT_KAFKA_BOOTSTRAP_SERVERS="127.0.0.1:9") as pages:
        status, _, text = pages.fetch("/rulebook/releases?lang=en")
        assert status == 200
        assert "The bus does not answer just now" in text
        assert pages.status("/sandbox") == 200


def test_wrong_settings_are_told_all_at_once_and_never_with_a_secret(tmp_path: Path) -> None:
    pages = Pages.of(tmp_path, PETCT_WEB_ACCESS="basic", PETCT_WEB_PASSWORD="marked", PETCT_WEB_PROXIES="10.0.0.0/99")
    super(Pages, pages).start()
    assert pages.exit_code() == ExitCode.USAGE
    assert "PETCT_WEB_USER" in pages.said()
    assert "PETCT_WEB_PROXIES" in pages.said()
    assert "marked" not in pages.said()
