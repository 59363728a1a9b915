"""The end that is read from a certificate is the one that a library for certificates reads."""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.chassis.certificate_end import expires_at_s

KEYS: dict[str, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey] = {
    "short": ec.generate_private_key(ec.SECP256R1()),
    "long": rsa.generate_private_key(public_exponent=65537, key_size=2048),
}


def certificate(ends_at: datetime.datetime, kind: str) -> x509.Certificate:
    name, key = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "queue")]), KEYS[kind]
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(ends_at)
        .sign(key, hashes.SHA256())
    )


@pytest.mark.parametrize("year", [2026, 2049, 2050, 2099])
@pytest.mark.parametrize("kind", KEYS)
def test_the_end_is_that_of_the_first_certificate(year: int, kind: str) -> None:
    """Written in two ways, before 2050 and after; sizes of one byte and of more; whatever stands before and after."""
    ends_at = datetime.datetime(year, 7, 8, 9, 10, 11, tzinfo=datetime.UTC)
    pem = certificate(ends_at, kind).public_bytes(serialization.Encoding.PEM)
    other = certificate(ends_at + datetime.timedelta(days=1), kind).public_bytes(serialization.Encoding.PEM)

    assert expires_at_s(b"issued by somebody\n" + pem + other) == ends_at.timestamp()


@pytest.mark.parametrize("text", [b"", b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate_is_told(text: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        expires_at_s(text)
