"""A folder that others read while it is written: a file is there whole, as it was or as it is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import quote

_SAFE_NAME: Final = 200


class Folder:
    """Raises OSError where it cannot be written."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: Path, content: bytes) -> bool:
        """Put a file at `path` below the root, at once; False where it holds that already and is left alone."""
        target = self.root / path
        with contextlib.suppress(FileNotFoundError):
            if target.read_bytes() == content:
                return False
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside it: a file can only be put in place of another on the same file system.
        fresh = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            with fresh.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(target)
        except BaseException:
            fresh.unlink(missing_ok=True)
            raise
        return True


def folder_name(code: str) -> str:
    """A hospital's code as the name of a folder. Codes come from events: none may lead out of the folder.

    >>> folder_name("H33010200001"), folder_name("../etc"), folder_name("")
    ('H33010200001', '%2E.%2Fetc', '%')
    """
    name = quote(code, safe="")[:_SAFE_NAME] or "%"
    return f"%2E{name[1:]}" if name.startswith(".") else name
