"""TLS between services, by files that may be replaced at any time: nobody has to be started again for it."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import grpc
import structlog

from services.chassis.lifecycle import StartError
from services.chassis.metrics import Counter, Fact
from services.chassis.settings import Settings

logger = structlog.get_logger(__name__)

EXPIRES = Fact(
    "clipferry_tls_certificate_expires_timestamp_seconds",
    "Unix time until which the certificate that this process shows is good.",
)
REFUSED = Counter(
    "clipferry_tls_refused_total", "Looks at changed files of TLS that could not be used, each content counted once."
)


@dataclass(frozen=True)
class Tls:
    """Where a service finds who it is and whom it believes.

    Args:
        certificate: PEM, with its chain.
        key: PEM, of the certificate.
        authorities: PEM, of whoever signs those of the services.
        poll_s: Seconds between two looks for changes, where nothing else is an occasion to look.
    """

    certificate: Path
    key: Path
    authorities: Path
    poll_s: float


def tls_of(settings: Settings) -> Tls | None:
    """Return what the settings say; None: no TLS."""
    if settings.tls_cert_file is None or settings.tls_key_file is None or settings.tls_ca_file is None:
        return None
    return Tls(settings.tls_cert_file, settings.tls_key_file, settings.tls_ca_file, settings.tls_poll_s)


class Pems(NamedTuple):
    """What the files hold."""

    certificate: bytes
    key: bytes
    authorities: bytes


class TlsFiles:
    """Reads the files again when they have changed. Whoever replaces them one by one is waited for.

    Raises:
        StartError: If they cannot be read, or do not belong together.
    """

    def __init__(self, tls: Tls) -> None:
        self._tls = tls
        self._refused: Pems | None = None
        self.poll_s = tls.poll_s
        try:
            self.pems = self._read()
            self._check()
            EXPIRES.tell(_expires_at_s(self.pems.certificate))
        except (OSError, ValueError) as error:
            raise StartError(f"the files of TLS cannot be used: {_cause(error)}.") from error

    def renewed(self) -> Pems | None:
        """Return what the files hold now, once after each change that is whole; None otherwise. From any thread."""
        try:
            pems = self._read()
            if pems in (self.pems, self._refused):
                return None
            self._check()
            if self._read() != pems:
                return None  # they are being replaced right now: the next look is soon enough
            EXPIRES.tell(_expires_at_s(pems.certificate))
        except (OSError, ValueError) as error:
            self._tell(error)
            return None
        self.pems, self._refused = pems, None
        logger.info(
            "The files of TLS have changed and are used.", action="tls_renewed", file=str(self._tls.certificate)
        )
        return pems

    def _tell(self, error: Exception) -> None:
        try:
            self._refused = self._read()
        except OSError:
            return  # gone for a moment
        REFUSED.add()
        logger.warning("The files of TLS have changed and cannot be used.", action="tls_refused", cause=_cause(error))

    def _read(self) -> Pems:
        tls = self._tls
        return Pems(tls.certificate.read_bytes(), tls.key.read_bytes(), tls.authorities.read_bytes())

    def _check(self) -> None:
        """See that the key is the certificate's.

        Raises:
            OSError: If it is not, or one of them is not PEM (ssl.SSLError).
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._tls.certificate, self._tls.key, _no_password)
        context.load_verify_locations(self._tls.authorities)


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _cause(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return f"key, certificate and authorities must be PEM and belong together ({error.reason or 'not PEM'})"
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)


def server_credentials(tls: Tls) -> grpc.ServerCredentials:
    """Return credentials of a server that wants a certificate of every client. It looks for changes at each handshake.

    Raises:
        StartError: If the files cannot be used.
    """
    files = TlsFiles(tls)

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        pems = files.renewed()
        return None if pems is None else _configuration(pems)

    return grpc.dynamic_ssl_server_credentials(_configuration(files.pems), fetch, require_client_authentication=True)


def _configuration(pems: Pems) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(pems.key, pems.certificate)], pems.authorities)


def channel_credentials(pems: Pems) -> grpc.ChannelCredentials:
    """Return credentials of a client. They stay as they are: a channel is opened anew for others."""
    return grpc.ssl_channel_credentials(pems.authorities, pems.key, pems.certificate)


def _expires_at_s(pem: bytes) -> float:
    """Return when the first certificate of a PEM file ends, as a Unix time in seconds.

    Raises:
        ValueError: If there is none.
    """
    # Loaded only where there is TLS: it takes megabytes.
    from cryptography.x509 import load_pem_x509_certificate  # noqa: PLC0415

    return load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
