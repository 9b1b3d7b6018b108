from __future__ import annotations

import ipaddress

import pytest
from edgemesh_fetcher.policy import Policy

NOT_PUBLIC = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),
    *("192.0.2.1", "192.168.1.1", "198.18.0.1", "203.0.113.1", "224.0.0.1", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2"),
]


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not Policy().address_allowed(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert Policy().address_allowed(ipaddress.ip_address(address))


def test_a_network_that_the_operator_names_is_allowed_and_no_other() -> None:
    policy = Policy(networks=(ipaddress.ip_network("10.1.0.0/16"),))
    assert policy.address_allowed(ipaddress.ip_address("10.1.2.3"))
    assert not policy.address_allowed(ipaddress.ip_address("10.2.2.3"))
    assert not policy.address_allowed(ipaddress.ip_address("::ffff:10.2.2.3"))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("files.test", True),
        ("FILES.test.", True),
        ("a.mirror.test", True),
        ("mirror.test", False),
        ("evil-mirror.test", False),
        ("files.test.evil", False),
    ],
)
def test_hosts_are_those_of_the_list(host: str, allowed: bool) -> None:
    policy = Policy(hosts=("files.test", ".mirror.test"))
    assert policy.host_allowed(host) is allowed
