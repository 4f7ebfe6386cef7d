"""The Faust app of the watch role, made from the settings: its broker, its group, its tables and their store.

At least once, so everything it keeps is **set by key and never incremented**: a record seen twice changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

import faust
from faust.auth import OAuthCredentials, SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT

from streams.bus import clients
from streams.settings import WatchSettings
from streams.watch.transport import WatchTransport

COMMIT_SECONDS: Final = 1.0


def make_app(settings: WatchSettings, partitions: int) -> faust.App:
    """An app without agents yet. `partitions`: as many as the input topic has; its tables get the same number.

    Raises SettingsError when a certificate cannot be used.
    """
    app = faust.App(
        settings.topic(settings.watch_group_id),
        broker=[f"kafka://{server}" for server in settings.kafka_bootstrap_servers.split(",")],
        broker_credentials=_credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.heartbeat_ms / 1000,
        broker_commit_interval=COMMIT_SECONDS,
        consumer_group_instance_id=settings.watch_instance_id,
        consumer_auto_offset_reset="earliest",
        processing_guarantee="at_least_once",
        store=f"{settings.watch_store}://",
        datadir=str(settings.watch_folder),
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
        # An agent's own backlog would hold a stop up; what is not committed is read again.
        stream_wait_empty=False,
    )
    app.transport = WatchTransport(app.conf.broker_consumer, app)
    return app


def bytes_topic(app: faust.App, name: str) -> Any:
    """A topic whose keys and values are taken as they are."""
    return app.topic(name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def bytes_table(app: faust.App, name: str, **options: Any) -> Any:
    """A table of bytes by bytes, kept in the store and in a compacted changelog topic."""
    return app.Table(name, key_type=bytes, value_type=bytes, **options)


def _credentials(settings: WatchSettings) -> CredentialsT | None:
    """Those of the other clients, in Faust's words."""
    given = clients.connection(settings)
    context = given["ssl_context"]
    if "sasl_oauth_token_provider" in given:
        return OAuthCredentials(oauth_cb=given["sasl_oauth_token_provider"], ssl_context=context)
    if "sasl_mechanism" in given:
        return SASLCredentials(
            username=given["sasl_plain_username"],
            password=given["sasl_plain_password"],
            mechanism=given["sasl_mechanism"],
            ssl_context=context,
        )
    return SSLCredentials(context) if context is not None else None
