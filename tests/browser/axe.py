"""axe-core, which judges the accessibility of a page: the npm package, fetched once into `.cache/`."""

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Final

from ops.kafka.broker import CACHE

VERSION: Final = "4.14.1"
SHA512: Final = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="


class AxeUnavailableError(RuntimeError):
    """It is not here and npm cannot fetch it; the text says why."""


def axe_script() -> str:
    """Raises AxeUnavailableError."""
    kept = CACHE / f"axe-core-{VERSION}.min.js"
    if not kept.is_file():
        CACHE.mkdir(exist_ok=True)
        kept.write_bytes(_fetch())
    return kept.read_text(encoding="utf-8")


def _fetch() -> bytes:
    package = f"axe-core@{VERSION}"
    npm = shutil.which("npm")
    if npm is None:
        raise AxeUnavailableError(f"npm is missing; it fetches {package} once. Debian: apt-get install npm")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--silent", "--pack-destination", folder, package]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AxeUnavailableError(f"npm could not fetch {package}:\n{done.stderr.strip()[-1000:]}")
        (packed,) = Path(folder).glob("*.tgz")
        found = base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode()
        assert found == SHA512, f"{package} is not what it was when it was pinned"
        with tarfile.open(packed) as archive:
            member = archive.extractfile("package/axe.min.js")
            assert member is not None
            return member.read()
