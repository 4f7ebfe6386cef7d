"""Insured persons under a keyed hash. The key is surveillance's own: findings cannot be joined with disclosures."""

from __future__ import annotations

import hmac
from typing import Final

LENGTH: Final = 32


def person_key(secret: bytes, person_id: str) -> str:
    """32 hex digits. Without the secret nobody can test a guess."""
    return keyed(secret, "person", person_id)


def keyed(secret: bytes, *parts: str) -> str:
    """One hash for several texts; their lengths are part of it, so that no two lists of texts run together."""
    told = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.digest(secret, told.encode("utf-8", "surrogatepass"), "sha256").hex()[:LENGTH]
