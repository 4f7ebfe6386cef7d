"""Files out of npm packages, pinned by version and digest, fetched once into `.cache/`."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from ops.kafka.broker import CACHE


class NpmUnavailableError(RuntimeError):
    """The file is not here and npm cannot fetch it; the text says why and what to do."""


def npm_file(kept_as: str, package: str, sha512: str, member: str) -> bytes:
    """`member` of `package`, kept in the cache under a name of its own. Raises NpmUnavailableError."""
    kept = CACHE / kept_as
    if not kept.is_file():
        CACHE.mkdir(exist_ok=True)
        kept.write_bytes(_fetch(package, sha512, member))
    return kept.read_bytes()


def _fetch(package: str, sha512: str, member: str) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise NpmUnavailableError(f"npm is missing; it fetches {package} once. Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NpmUnavailableError(f"npm could not fetch {package}:\n{done.stderr.strip()[-1000:]}")
        (packed,) = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        assert found == sha512, f"{package} is not what it was when it was pinned"
        with tarfile.open(packed) as archive:
            content = archive.extractfile(member)
            assert content is not None
            return content.read()
