"""A certificate authority, and the files by which a service shows who it is."""

import datetime
import ipaddress
import secrets
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.chassis.tls import Tls

_HOUR = datetime.timedelta(hours=1)
LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))


class Authority:
    """Signs certificates that are good for an hour unless told otherwise.

    Args:
        for_loopback: Whether those are good for 127.0.0.1 too, as nobody's are in a cluster.
    """

    def __init__(self, *, for_loopback: bool = True) -> None:
        self._addresses = [LOOPBACK] if for_loopback else []
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"authority {secrets.token_hex(4)}")])
        self.certificate = self._sign(
            self._name, self._key, x509.BasicConstraints(ca=True, path_length=0)
        ).public_bytes(serialization.Encoding.PEM)

    def issue(self, *names: str, ends_in: datetime.timedelta = _HOUR) -> tuple[bytes, bytes]:
        """Return a certificate for these DNS names and URIs, and its key, in PEM."""
        key = ec.generate_private_key(ec.SECP256R1())
        said = [x509.UniformResourceIdentifier(name) if ":" in name else x509.DNSName(name) for name in names]
        certificate = self._sign(x509.Name([]), key, x509.SubjectAlternativeName([*said, *self._addresses]), ends_in)
        return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def write(self, folder: Path, *names: str, believed: bytes = b"", ends_in: datetime.timedelta = _HOUR) -> Tls:
        """Write, or replace, the files of a service in `folder`; returns where they are.

        Args:
            names: In its certificate.
            believed: Authorities, in PEM. Default: this one.
            ends_in: How long it is good.
        """
        certificate, key = self.issue(*names, ends_in=ends_in)
        folder.mkdir(exist_ok=True)
        tls = Tls(folder / "tls.crt", folder / "tls.key", folder / "ca.crt", poll_s=0.05)
        for path, content in (
            (tls.certificate, certificate),
            (tls.key, key),
            (tls.authorities, believed or self.certificate),
        ):
            replace(path, content)
        return tls

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        ends_in: datetime.timedelta = _HOUR,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _HOUR)
            .not_valid_after(now + ends_in)
            .add_extension(extension, critical=True)
            .sign(self._key, hashes.SHA256())
        )


def replace(path: Path, content: bytes) -> None:
    """Replace a file in one step."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    new.replace(path)
