"""The table of rights in docs/security.md, written there by ``python -m streams.bus.acls_page``; drift fails a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from schemas.roles import DUTIES, Role
from streams.bus.acls import Acl, acls

BEGIN: Final = "<!-- rights: generated, `python -m streams.bus.acls_page docs/security.md` -->\n"
END: Final = "<!-- end of rights -->\n"
_GROUP: Final = "petct-settle"


def table() -> str:
    """Markdown; names as they are without a prefix and with the default group."""
    rows = ["| role | who it is | may |\n|---|---|---|\n"]
    for role in Role:
        allowed = acls(role, prefix="", group_id=_GROUP, user=f"<{role}>")
        rights = "; ".join(_rights([acl for acl in allowed if not acl.comfort]))
        comfort = sorted({acl.operation for acl in allowed if acl.comfort})
        more = f"; for comfort {', '.join(comfort)} of the same topics" if comfort else ""
        rows.append(f"| `{role}` | {DUTIES[role].says} | {rights}{more} |\n")
    return "".join(rows)


def filled(page: str) -> str:
    """The page with its table as it is now. Raises ValueError where the marks are missing."""
    before, found, rest = page.partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        raise ValueError("the page has no marks around the table")
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _rights(allowed: Sequence[Acl]) -> Iterator[str]:
    """One operation on one kind of thing after the other."""
    for operation, resource in dict.fromkeys((acl.operation, acl.resource) for acl in allowed):
        names = [
            f"`{acl.name}*`" if acl.pattern == "prefixed" else f"`{acl.name}`"
            for acl in allowed
            if (acl.operation, acl.resource) == (operation, resource)
        ]
        yield f"{operation} {resource} {', '.join(names)}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(filled(path.read_text("utf-8")), "utf-8")
