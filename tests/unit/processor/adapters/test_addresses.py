"""Which addresses and ports may be reached."""

import ipaddress

import pytest

from services.processor.adapters.addresses import is_allowed_port, is_public, parse_allow_list

REFUSED = (
    "0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255 "
    "192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 "
    "239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 ::127.0.0.1 "
    "64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 "
    "2001:db8::1 2002:7f00:1:: 2002:a9fe:a9fe:: 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 "
    "fe80::1%eth0 fec0::1 ff02::1 "
)
PUBLIC = "1.1.1.1 8.8.8.8 93.184.216.34 2606:4700:4700::1111 2a00:1450:4001:80b::200e ::ffff:8.8.8.8 64:ff9b::808:808"


@pytest.mark.parametrize("text", REFUSED.split())
def test_what_is_not_the_public_internet_is_refused(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", PUBLIC.split())
def test_the_public_internet_is_open(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


def test_ports_of_web_servers_only() -> None:
    """80, 443 and the high ones where no database or mail server listens."""
    assert all(map(is_allowed_port, (80, 443, 8000, 8080, 8443, 65535)))
    assert not any(map(is_allowed_port, (0, 21, 22, 25, 110, 993, 2375, 5432, 6000, 6379, 9200, 11211, 65536)))


def test_the_allow_list_is_host_and_port() -> None:
    assert parse_allow_list(" 127.0.0.1:8082, LocalHost:80,[::1]:9, ") == {
        ("127.0.0.1", 8082),
        ("localhost", 80),
        ("::1", 9),
    }
    assert parse_allow_list("") == frozenset()
    for wrong in ("127.0.0.1", "host:", "host:0", "host:65536", ":80", "host:http"):
        with pytest.raises(ValueError, match="host:port"):
            parse_allow_list(wrong)
