"""Why no broker lets us in: the client's own error only says that none did.

Asked after a failure, of each address in turn, until one gives a reason. It names settings, and no secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Final

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)

from streams.bus.clients import connection
from streams.settings import KafkaSettings, ssl_context

CONNECT_SECONDS: Final = 5.0
ALERT_SECONDS: Final = 0.5
"""In TLS 1.3 a server that does not like the client's certificate says so after the handshake."""

# X509_V_ERR_… of OpenSSL.
_EXPIRED: Final = 10
_NOT_YET_VALID: Final = 9
_UNTRUSTED: Final = frozenset({18, 19, 20, 21})
_OTHER_NAME: Final = frozenset({62, 64})


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is wrong at which address, and the mend."""

    problem: str
    mend: str

    def __str__(self) -> str:
        return f"{self.problem}; {self.mend}"


async def why_refused(settings: KafkaSettings) -> Refusal | None:
    """None where every address lets us in by now, or nothing can be told. Raises SettingsError."""
    tls = ssl_context(settings)
    for address in settings.kafka_bootstrap_servers.split(","):
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        refusal = await _by_network(address, host, int(port), tls, settings)
        refusal = refusal or await _by_kafka(address, host, int(port), settings)
        if refusal is not None:
            return refusal
    return None


async def _by_network(
    address: str, host: str, port: int, tls: ssl.SSLContext | None, settings: KafkaSettings
) -> Refusal | None:
    asked = f"PETCT_KAFKA_BOOTSTRAP_SERVERS={settings.kafka_bootstrap_servers}"
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            reader, writer = await asyncio.open_connection(host, port, ssl=tls)
    except ssl.SSLCertVerificationError as error:
        return _certificate(address, error)
    except ssl.SSLError as error:
        return _handshake(address, error, settings)
    except socket.gaierror:
        return Refusal(f"the name in {address} is not known", f"correct {asked}, or mend the DNS")
    except ConnectionRefusedError:
        return Refusal(f"nobody listens at {address}", f"start the broker, or correct {asked}")
    except ConnectionError:
        return _closes(address, settings)
    except (OSError, TimeoutError):
        return Refusal(f"{address} does not answer", f"open the network to it, or correct {asked}")
    try:
        if tls is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ALERT_SECONDS):
                    await reader.read(1)
    except ssl.SSLError as error:
        return _handshake(address, error, settings)
    except OSError:
        return _closes(address, settings)
    finally:
        writer.transport.abort()
    return None


async def _by_kafka(address: str, host: str, port: int, settings: KafkaSettings) -> Refusal | None:
    arguments = connection(settings)
    del arguments["bootstrap_servers"]
    kafka = AIOKafkaConnection(host, port, request_timeout_ms=int(CONNECT_SECONDS * 1000), **arguments)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            await kafka.connect()
    except UnsupportedSaslMechanismError:
        problem = f"{address} does not take PETCT_KAFKA_SASL_MECHANISM={settings.kafka_sasl_mechanism}"
        return Refusal(problem, "choose one that its listener enables")
    except (SaslAuthenticationFailed, AuthenticationFailedError):
        if settings.kafka_sasl_mechanism == "OAUTHBEARER":
            return Refusal(f"{address} refuses the token", "renew the file that PETCT_KAFKA_SASL_TOKEN_FILE names")
        return Refusal(
            f"{address} refuses the log-in",
            "correct PETCT_KAFKA_SASL_USERNAME and PETCT_KAFKA_SASL_PASSWORD (or …_FILE), or make that user for "
            f"{settings.kafka_sasl_mechanism}",
        )
    except (KafkaError, OSError, TimeoutError, ValueError):
        return _closes(address, settings)
    finally:
        kafka.close()
    return None


def _certificate(address: str, error: ssl.SSLCertVerificationError) -> Refusal:
    match error.verify_code:
        case code if code == _EXPIRED:
            return Refusal(f"the certificate of {address} has expired", "renew it on the broker")
        case code if code == _NOT_YET_VALID:
            return Refusal(
                f"the certificate of {address} is not valid yet", "look at this host's clock, then at its date"
            )
        case code if code in _OTHER_NAME:
            return Refusal(
                f"the certificate of {address} bears another name",
                "reach the broker by a name that it bears (PETCT_KAFKA_BOOTSTRAP_SERVERS, its advertised.listeners)",
            )
        case code if code in _UNTRUSTED:
            return Refusal(
                f"the certificate of {address} is signed by nobody we trust",
                "name its authority's certificates by PETCT_KAFKA_SSL_CAFILE",
            )
        case _:
            return Refusal(f"the certificate of {address} cannot be trusted ({error.verify_message})", "renew it there")


def _handshake(address: str, error: ssl.SSLError, settings: KafkaSettings) -> Refusal:
    reason = (error.reason or "").upper()
    if "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason):
        if settings.kafka_ssl_certfile is None:
            problem, mend = "wants a certificate of the client", "name one by PETCT_KAFKA_SSL_CERTFILE"
        else:
            problem = "refuses the certificate that PETCT_KAFKA_SSL_CERTFILE names"
            mend = "see whether it has expired (openssl x509 -enddate), and whether the broker trusts its authority"
        return Refusal(f"{address} {problem}", mend)
    if reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"}:
        return Refusal(f"{address} does not speak TLS", "correct PETCT_KAFKA_SECURITY_PROTOCOL, or the port")
    return Refusal(f"{address} and we find no common way of TLS ({reason or 'no reason given'})", "compare versions")


def _closes(address: str, settings: KafkaSettings) -> Refusal:
    return Refusal(
        f"{address} ends the connection, or answers nothing we understand",
        f"see whether its listener speaks PETCT_KAFKA_SECURITY_PROTOCOL={settings.kafka_security_protocol}",
    )
