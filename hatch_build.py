"""Compiles what every event of ours goes through, where HATCH_BUILD_HOOKS_ENABLE=1 asks for it: a C compiler is needed.

The answers are the same to the byte, in about half the time; `tests/packaging/test_compiled.py` holds it to that. The
compiler works on a copy: a checkout is never left with compiled modules that hide its sources.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGES = ("streams", "schemas")
COMPILED = (
    "schemas/cloudevents.py",
    "schemas/decimals.py",
    "schemas/identity.py",
    "schemas/moments.py",
    "schemas/reading.py",
    "streams/adjudication/*.py",
    "streams/bus/batch.py",
    "streams/processors/envelope.py",
    "streams/processors/settlement.py",
    "streams/tally.py",
)
_EXTENSIONS = "*.so"


class CompileHook(BuildHookInterface[Any]):
    """`[tool.hatch.build.targets.wheel.hooks.custom]`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 - the plugin's signature
        self._place = tempfile.TemporaryDirectory(prefix="petct-compile-")
        place = Path(self._place.name)
        for package in PACKAGES:
            shutil.copytree(Path(self.root, package), place / package, ignore=shutil.ignore_patterns(_EXTENSIONS))
        # Kept apart from the project's own: what is compiled is checked already.
        (place / "mypy.ini").write_text("[mypy]\nignore_missing_imports = True\n")
        modules = [
            str(file.relative_to(place))
            for pattern in COMPILED
            for file in sorted(place.glob(pattern))
            if file.name != "__init__.py"
        ]
        compiled = subprocess.run(
            [sys.executable, "-m", "mypyc", *modules], cwd=place, text=True, capture_output=True, check=False
        )
        if compiled.returncode:
            raise SystemExit(f"cannot compile (is there a C compiler?):\n{compiled.stdout}{compiled.stderr}")
        for file in place.rglob(_EXTENSIONS):
            into = file.relative_to(place)
            if into.parts[0] != "build":
                build_data["force_include"][str(file)] = str(into)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        self._place.cleanup()
