"""`python -m ops.grafana`: write the dashboards to ops/grafana/dashboards/. A test fails when they are out of date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from ops.grafana.exactly_once import exactly_once
from ops.grafana.flow import flow
from ops.grafana.policy import policy
from ops.grafana.replay import replay

FOLDER: Final = Path(__file__).with_name("dashboards")


def rendered() -> dict[str, str]:
    """File name and content of each dashboard."""
    boards = [_plain(build()) for build in (flow, exactly_once, policy, replay)]
    return {
        f"{board['uid']}.json": json.dumps(board, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
        for board in boards
    }


def _plain(builder: Dashboard) -> dict[str, Any]:
    board: dict[str, Any] = json.loads(JSONEncoder().encode(builder.build()))
    for number, panel in enumerate(board["panels"], start=1):
        # The library gives rows the number 0 and panels none; links to a panel need one that stays.
        panel["id"] = number
    for shown in (*board["links"], *board["annotations"]["list"]):
        # Its only value hides them in a menu; without one they stand on top of the dashboard.
        del shown["placement"]
    return board


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    files = rendered()
    for path in FOLDER.glob("*.json"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
