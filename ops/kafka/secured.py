"""A real Kafka as one would run it in production: TLS, SCRAM, client certificates, and nobody may do anything unasked.

Listeners beside the plaintext one of the broker's own (whose users are administrators):

    CLIENTS   SASL_SSL, SCRAM-SHA-512: users are made with `add_user`
    MUTUAL    SSL with client certificates: the user is the certificate's name, `User:CN=…`
    EXPIRED   SASL_SSL like CLIENTS, with a certificate that ran out yesterday

Certificates are made by trustme, of an authority that lives for one test session.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from ops.kafka.broker import RealKafka

CLIENTS: Final = "CLIENTS"
MUTUAL: Final = "MUTUAL"
EXPIRED: Final = "EXPIRED"
HOST: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates; `file` is what a client trusts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ca = trustme.CA()
        self.file = directory / "ca.pem"
        directory.mkdir(parents=True, exist_ok=True)
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, name: str, *, common_name: str | None = None, expired: bool = False) -> Identity:
        """For the loopback address, or for a client of that common name."""
        now = datetime.datetime.now(datetime.UTC)
        yesterday = now - datetime.timedelta(days=1)
        made = self._ca.issue_cert(
            HOST,
            common_name=common_name,
            not_before=yesterday - datetime.timedelta(days=1) if expired else yesterday,
            not_after=yesterday if expired else now + datetime.timedelta(days=1),
        )
        certificate, key = self._directory / f"{name}.pem", self._directory / f"{name}.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        # Java reads no other form.
        private = load_pem_private_key(made.private_key_pem.bytes(), None)
        key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Identity(certificate, key)

    def keystore(self, name: str, identity: Identity) -> Path:
        """Key and certificate in one file, as the broker wants them."""
        path = self._directory / f"{name}.keystore.pem"
        path.write_bytes(identity.key.read_bytes() + identity.certificate.read_bytes())
        return path


class SecuredKafka(RealKafka):
    """One node. Whatever is not allowed to a user is forbidden."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory / "certificates")
        issue = self.authority.issue
        good = self.authority.keystore("broker", issue("broker"))
        expired = self.authority.keystore("expired", issue("expired", expired=True))
        super().__init__(
            directory,
            listeners={CLIENTS: "SASL_SSL", MUTUAL: "SSL", EXPIRED: "SASL_SSL"},
            properties={
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                **_tls(CLIENTS, good, self.authority.file),
                **_tls(EXPIRED, expired, self.authority.file),
                **_tls(MUTUAL, good, self.authority.file, client_auth="required"),
                **_scram(CLIENTS),
                **_scram(EXPIRED),
            },
        )

    def _admin(self) -> AdminClient:
        """To be held until its futures are done."""
        return AdminClient({"bootstrap.servers": self.bootstrap_servers})

    def add_user(self, name: str, password: str) -> None:
        """A SCRAM user, or another password for one; the broker takes it a moment later."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(name, info, password.encode())
        admin = self._admin()
        for done in admin.alter_user_scram_credentials([change]).values():
            done.result(timeout=30)

    def allow(self, bindings: Sequence[AclBinding]) -> None:
        """Returns when the broker goes by it."""
        admin = self._admin()
        for done in admin.create_acls(list(bindings)).values():
            done.result(timeout=30)
        self._until_in_force(admin, bindings, there=True)

    def forbid(self, bindings: Sequence[AclBinding]) -> None:
        """Take away what was allowed. Returns when the broker goes by it."""
        admin = self._admin()
        for done in admin.delete_acls([_filter(one) for one in bindings]).values():
            done.result(timeout=30)
        self._until_in_force(admin, bindings, there=False)

    def _until_in_force(self, admin: AdminClient, bindings: Sequence[AclBinding], *, there: bool) -> None:
        """The controller knows an ACL a moment before the broker does. Raises TimeoutError."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            if all(bool(admin.describe_acls(_filter(one)).result(timeout=30)) is there for one in bindings):
                return
            time.sleep(0.05)
        raise TimeoutError("the broker does not go by the ACLs that the controller took")


def binding(principal: str, resource: str, name: str, pattern: str, operation: str) -> AclBinding:
    """By the words of kafka-acls.sh: `topic`, `prefixed`, `Write`."""
    words = {"DescribeConfigs": "DESCRIBE_CONFIGS"}
    return AclBinding(
        ResourceType[resource.upper().replace("-", "_")],
        name,
        ResourcePatternType[pattern.upper()],
        principal,
        "*",
        AclOperation[words.get(operation, operation.upper())],
        AclPermissionType.ALLOW,
    )


def _filter(one: AclBinding) -> AclBindingFilter:
    """Of exactly this one."""
    return AclBindingFilter(
        one.restype, one.name, one.resource_pattern_type, one.principal, one.host, one.operation, one.permission_type
    )


def _tls(listener: str, keystore: Path, authority: Path, client_auth: str = "none") -> dict[str, str]:
    prefix = f"listener.name.{listener.lower()}.ssl"
    return {
        f"{prefix}.keystore.type": "PEM",
        f"{prefix}.keystore.location": str(keystore),
        f"{prefix}.truststore.type": "PEM",
        f"{prefix}.truststore.location": str(authority),
        f"{prefix}.client.auth": client_auth,
    }


def _scram(listener: str) -> dict[str, str]:
    prefix = f"listener.name.{listener.lower()}"
    return {
        f"{prefix}.sasl.enabled.mechanisms": "SCRAM-SHA-512",
        f"{prefix}.scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
    }
