"""Releasing a version: its schemas and what its golden events come to are written down, never to change again.

``python -m streams.contract.golden 1.1 EVENTS.jsonl`` makes the folder; what is released already is not written over.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from schemas.codec import dumps
from streams.contract.catalogue import CONTRACTS
from streams.contract.releases import RELEASES, SUMS, sums
from streams.processors.settlement import Answer, SettlementProcessor
from streams.rulebook import Rulebook, load_rulebook


def outputs_of(answer: Answer) -> bytes:
    """One line of golden/outputs.jsonl: everything that would go to the bus, but for the partition."""
    told: list[dict[str, Any]] = [
        {
            "topic": output.topic,
            "key": _text(output.key),
            "headers": [[name, _text(value)] for name, value in output.headers],
            "value": _text(output.value),
        }
        for output in answer.outputs
    ]
    return dumps({"fate": str(answer.fate), "outputs": told})


def decided(events: list[bytes], rulebook: bytes) -> list[bytes]:
    """What the processor of this program answers to golden events, by that rulebook."""
    from streams.contract.examples import SECRET, WORKER_VERSION, ExampleRecord  # noqa: PLC0415 - needs a release

    process = SettlementProcessor(Rulebook.from_canonical(rulebook), SECRET, WORKER_VERSION)
    return [outputs_of(process(ExampleRecord(event))) for event in events]


def release(version: str, events: Path, root: Path = RELEASES) -> Path:
    """Raises FileExistsError when that version is released."""
    from streams.contract.published import written  # noqa: PLC0415 - examples need a release

    folder = root / version
    (folder / "golden").mkdir(parents=True)
    rulebook = load_rulebook().canonical
    lines = events.read_bytes().splitlines()
    for contract in CONTRACTS:
        (folder / contract.file).write_text(written(contract.document()), encoding="utf-8")
    for name, content in {
        "rulebook.json": rulebook,
        "events.jsonl": b"".join(line + b"\n" for line in lines),
        "outputs.jsonl": b"".join(line + b"\n" for line in decided(lines, rulebook)),
    }.items():
        (folder / "golden" / name).write_bytes(content)
    (folder / SUMS).write_text("".join(f"{digest}  {name}\n" for name, digest in sums(folder).items()), "utf-8")
    return folder


def _text(value: bytes | None) -> str | None:
    """Golden events are text; of others the bytes stand in escapes."""
    return None if value is None else value.decode("utf-8", "backslashreplace")


if __name__ == "__main__":
    print(release(sys.argv[1], Path(sys.argv[2])))
