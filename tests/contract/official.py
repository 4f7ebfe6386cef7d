"""The official JSON Schema of AsyncAPI, as its makers publish it: the npm package `@asyncapi/specs`."""

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any, Final

from ops.kafka.broker import CACHE

PACKAGE: Final = "@asyncapi/specs@6.11.1"
SHA512: Final = "A3WBLqAKGoJ2+6FWFtpjBlCQ1oFCcs4GxF7zsIGvNqp/klGUHjlA3aAcZ9XMMpLGE8zPeYDz2x9FmO6DSuKraQ=="
MEMBER: Final = "package/schemas/3.0.0.json"


class NpmUnavailableError(RuntimeError):
    """The schema is not here and npm cannot fetch it; the text says why and what to do."""


def asyncapi_schema() -> dict[str, Any]:
    """Of AsyncAPI 3.0.0; npm fetches it once, into `.cache/`. Raises NpmUnavailableError."""
    kept = CACHE / "asyncapi-3.0.0.json"
    if not kept.is_file():
        CACHE.mkdir(exist_ok=True)
        kept.write_bytes(_fetch())
    schema: dict[str, Any] = json.loads(kept.read_bytes())
    return schema


def _fetch() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmUnavailableError(f"npm is missing; it fetches {PACKAGE} once. Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, PACKAGE]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NpmUnavailableError(f"npm could not fetch {PACKAGE}:\n{done.stderr.strip()[-1000:]}")
        (packed,) = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        assert found == SHA512, f"{PACKAGE} is not what it was when it was pinned"
        with tarfile.open(packed) as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            return member.read()
