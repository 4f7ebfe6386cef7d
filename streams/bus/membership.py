"""The name of a worker in its group. A worker that comes back under its name gets its partitions back at once."""

from __future__ import annotations

import hashlib
import socket
from types import TracebackType
from typing import Final, Self

from streams.settings import Settings

_MOST_WORKERS: Final = 256


class Membership:
    """Holds a name no other worker of this group has on this host: the host's name and a number, `worker-0.1`.

    Two members of one name would throw each other out of the group for ever. The number is kept by a socket of the
    kernel's own name space: it needs no file, and is free again however the process ends. Where the host has no such
    sockets, or PETCT_GROUP_INSTANCE_ID is `none`, there is no name (None) and membership is dynamic.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: socket.socket | None = None
        self.instance_id: str | None = None

    def __enter__(self) -> Self:
        given = self._settings.group_instance_id
        if given is not None:
            self.instance_id = None if given == "none" else given
            return self
        group = f"{self._settings.kafka_bootstrap_servers} {self._settings.group_id}"
        key = hashlib.sha256(group.encode()).hexdigest()[:32]
        for number in range(1, _MOST_WORKERS):
            held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                held.bind(f"\0petct-settle.{key}.{number}")
            except OSError:
                held.close()
                continue
            self._held = held
            self.instance_id = f"{socket.gethostname()}.{number}"
            break
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held is not None:
            self._held.close()
