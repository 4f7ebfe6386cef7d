"""Ids that anyone can compute again: the same input processed twice has outputs with the same ids."""

from __future__ import annotations

import hmac
from hashlib import sha1
from typing import Final
from uuid import NAMESPACE_DNS, uuid5

_NAMESPACE: Final = uuid5(NAMESPACE_DNS, "petct-settlement").bytes
_DISCLOSURE_ID_LENGTH: Final = 32


def output_event_id(origin: str, event_type: str, revision: int) -> str:
    """UUIDv5 of `<origin>|<event type>|<revision>`; origin is the input's event id, of a disclosure its disclosure id.

    The same as `str(uuid5(namespace, name))` without its objects: this runs for every output.
    """
    digest = sha1(_NAMESPACE + f"{origin}|{event_type}|{revision}".encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def disclosure_id(secret: bytes, event_id: str) -> str:
    """A keyed hash: without the secret nobody can find the settlement behind a published row, or test a guess."""
    return hmac.digest(secret, event_id.encode(), "sha256").hex()[:_DISCLOSURE_ID_LENGTH]
