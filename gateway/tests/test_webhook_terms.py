"""Which URLs may be told, what is signed how, and when a try is made again; no network here."""

from __future__ import annotations

import base64
import ipaddress
from pathlib import Path

import pytest
from edgemesh.compute.v1 import job_pb2
from standardwebhooks import Webhook

from edgemesh_gateway.webhooks.hosts import Hosts, Refused, public
from edgemesh_gateway.webhooks.secrets import BadSecrets, Secrets
from edgemesh_gateway.webhooks.terms import Terms
from edgemesh_gateway.webhooks.verdict import LONGEST_S, Try, judge

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
HOSTS = Hosts(
    ["hooks.example", "*.lab.example", "odd.example:8443", "any.example:*", "[2001:db8::1]"],
    ["127.0.0.1:*", "inside.example"],
)


@pytest.mark.parametrize(
    ("asked", "authority", "path"),
    [
        ("https://hooks.example/a/b?c=d", "hooks.example", "/a/b?c=d"),
        ("https://HOOKS.example.:443", "hooks.example", "/"),
        ("https://a.b.lab.example/", "a.b.lab.example", "/"),
        ("https://odd.example:8443/x", "odd.example:8443", "/x"),
        ("https://any.example:1/x", "any.example:1", "/x"),
        ("https://[2001:db8::1]/x", "[2001:db8::1]", "/x"),
        ("http://127.0.0.1:8080/x", "127.0.0.1:8080", "/x"),
        ("http://inside.example/x", "inside.example", "/x"),
    ],
)
def test_what_is_listed_may_be_told(asked: str, authority: str, path: str) -> None:
    target = HOSTS.target(asked)
    assert (target.authority, target.path) == (authority, path)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("https://elsewhere.example/", "a host and port that the operator"),
        ("https://lab.example/", "a host and port that the operator"),
        ("https://evilhooks.example/", "a host and port that the operator"),
        ("https://hooks.example.evil.test/", "a host and port that the operator"),
        ("https://hooks.example:8443/", "a host and port that the operator"),
        ("https://odd.example/", "a host and port that the operator"),
        ("http://hooks.example/", "https://"),
        ("http://127.0.0.2:8080/", "a host and port that the operator"),
        ("https://a@hooks.example/", "without a user"),
        ("https://evil.test@hooks.example/", "without a user"),
        ("https://hooks.example/#evil", "without a user and without a fragment"),
        ("https://hooks.example\\@evil.test/", "a URL"),
        ("https://hooks.example:99999/", "a URL"),
        ("https://hooks.example:0/", "a URL"),
        ("https://[::1/", "a URL"),
        ("https:///x", "a URL"),
        ("ftp://hooks.example/", "a URL"),
        ("file:///etc/passwd", "a URL"),
        ("hooks.example", "a URL"),
        ("", "a URL"),
        ("https://hooks.example/\r\nx: y", "printable ASCII"),
        ("https://hooks.exämple/", "printable ASCII"),
        ("https://hooks.example/" + 2048 * "a", "at most 2048"),
    ],
)
def test_what_is_not_is_refused_with_what_was_expected(asked: str, expected: str) -> None:
    with pytest.raises(Refused, match=expected):
        HOSTS.target(asked)


def test_without_a_list_there_are_no_webhooks() -> None:
    with pytest.raises(Refused, match="has allowed no host"):
        Hosts([], []).target("https://hooks.example/")


@pytest.mark.parametrize("entry", ["", "*", "*.", "a/b", "https://a", "a:b", "a:70000", "a b", "@"])
def test_a_list_that_is_wrong_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"<host>|port"):
        Hosts([entry], [])


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "240.0.0.1", "198.18.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2001:0:1::1", "2001:db8::1"),
        *("fec0::1", "192.0.0.8", "192.88.99.1", "::ffff:192.88.99.1"),
    ],
)
def test_no_internal_address_is_public(address: str) -> None:
    assert not public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are(address: str) -> None:
    assert public(ipaddress.ip_address(address))


def kept(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "secrets.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_what_is_signed_is_verified_by_others(tmp_path: Path) -> None:
    import time

    path = kept(tmp_path, f'[secrets]\nann = ["{SECRET}", "{OTHER}"]\n')
    terms = Terms(HOSTS, Secrets(path))
    headers = terms.headers("ann", "0" * 32, int(time.time()), b'{"a": 1}')
    for secret in (SECRET, OTHER):
        assert Webhook(secret).verify(b'{"a": 1}', headers) == {"a": 1}
    assert headers["webhook-signature"].count("v1,") == 2
    with pytest.raises(Exception, match="signature"):
        Webhook(SECRET).verify(b'{"a": 2}', headers)


def test_a_tenant_without_a_secret_has_no_webhooks(tmp_path: Path) -> None:
    terms = Terms(HOSTS, Secrets(kept(tmp_path, f'[secrets]\nann = "{SECRET}"\n')))
    assert terms.wrong("ann", "https://hooks.example/") is None
    assert "no secret" in (terms.wrong("bob", "https://hooks.example/") or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann = 1", "one table"),
        ("[secrets]\nann = 1", "whsec_ and the base64"),
        ('[secrets]\nann = "c2VjcmV0c2VjcmV0"', "whsec_ and the base64"),
        ('[secrets]\nann = "whsec_c2VjcmV0"', "24 to 64 bytes"),
        ('[secrets]\nann = "whsec_!!"', "whsec_ and the base64"),
        ("[secrets]\nann = []", "1 to 4 secrets"),
        ('[secrets]\n"a b" = "x"', "a tenant's name"),
        ("[secrets", "Expected"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_told_without_its_secrets(
    tmp_path: Path, text: str, expected: str
) -> None:
    with pytest.raises(BadSecrets, match=expected) as caught:
        Secrets(kept(tmp_path, text))
    assert "c2VjcmV0" not in str(caught.value)


def test_a_file_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSecrets, match="everybody"):
        Secrets(kept(tmp_path, f'[secrets]\nann = "{SECRET}"\n', 0o644))
    assert SECRET not in repr(Secrets(kept(tmp_path, f'[secrets]\nann = "{SECRET}"\n')))


def state(status: int, **fields: float) -> str:
    given: dict[str, float] = {"number": 1, "age_s": 0.0, **fields}
    tried = Try(int(given.pop("number")), given.pop("age_s"), status, **given)
    found = judge(tried, 5.0, 86_400.0)
    return job_pb2.WebhookState.Name(found.state).removeprefix("WEBHOOK_STATE_")  # pyright: ignore


@pytest.mark.parametrize("status", [200, 204, 299])
def test_2xx_is_taken(status: int) -> None:
    assert state(status) == "DELIVERED"


@pytest.mark.parametrize("status", [0, 199, 301, 307, 400, 404, 429, 500, 503])
def test_all_else_is_tried_again_until_patience_ends(status: int) -> None:
    assert state(status) == "PENDING"
    assert state(status, age_s=86_399.0) == "GIVEN_UP"


def test_gone_is_given_up() -> None:
    assert state(410) == "GIVEN_UP"


def test_pauses_grow_and_have_an_end() -> None:
    pauses = [judge(Try(number, 0.0), 5.0, 1e9).pause_s for number in range(1, 40)]
    assert pauses[:3] == [5.0, 10.0, 20.0]
    assert pauses[-1] == LONGEST_S
    assert judge(Try(1, 0.0, chance=1.0), 5.0, 1e9).pause_s == 2.5
    assert judge(Try(1, 0.0, 429, retry_after_s=60.0), 5.0, 1e9).pause_s == 60.0
    assert judge(Try(1, 0.0, 429, retry_after_s=1e8), 5.0, 1e9).pause_s == LONGEST_S
