"""The read API of a watch worker, asked for the newest revision of one settlement (docs/board.md)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any, Final
from urllib.parse import quote

SECONDS: Final = 15.0


class UnknownSettlement(Exception):
    """No process of the group has a record of it."""


class InquiryUnavailable(Exception):
    """It does not answer, not yet, or not to us. The text says why, and holds no id."""


class InquiryClient:
    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._token = token

    def newest(self, settlement_id: str) -> dict[str, Any]:
        """`{"settlement_id", "record", "recorded_at"}`. Raises UnknownSettlement and InquiryUnavailable."""
        request = urllib.request.Request(  # noqa: S310 - the scheme was looked at
            f"{self._url}/v1/settlements/{quote(settlement_id, safe='')}",
            headers={"Authorization": f"Bearer {self._token}"},
        )
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
                told: dict[str, Any] = json.load(answer)
                return told
        except urllib.error.HTTPError as error:
            code, detail = _told(error)
            if code == "unknown_settlement":
                raise UnknownSettlement from None
            raise InquiryUnavailable(f"{self._url} answers {error.code}: {detail}") from None
        except (OSError, ValueError) as error:
            raise InquiryUnavailable(f"{self._url} does not answer ({type(error).__name__})") from None


def _told(error: urllib.error.HTTPError) -> tuple[str, str]:
    try:
        told = json.load(error)
        return str(told["error"]), str(told["detail"])
    except (ValueError, TypeError, KeyError):
        return "", "no reason is given"
