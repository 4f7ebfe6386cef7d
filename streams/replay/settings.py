"""What of the settings a command needs that decides nothing and so has no secret."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from streams.settings import GroupId, KafkaSettings, Settings


class PlanSettings(KafkaSettings):
    """Enough for `petct replay plan|log` and `petct deadletters list|show|discard`."""

    group_id: GroupId = Field(
        Settings.model_fields["group_id"].default, description=Settings.model_fields["group_id"].description
    )
    notices: Path | None = Field(None, description=Settings.model_fields["notices"].description)
