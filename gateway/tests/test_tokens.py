"""Which tokens are believed, and what they are believed of: at the unit, and at a gateway."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fake_executor import FakeExecutor
from house import Refusal, eventually, house, refused, request
from pydantic import SecretStr

from edgemesh_gateway.identity import key_set
from edgemesh_gateway.identity.key_set import BadKeySet, KeySet, check_url, parse
from edgemesh_gateway.identity.tokens import BadToken, Expected, Tokens
from edgemesh_gateway.settings import GatewaySettings
from mesh_service.settings import SettingsError

SECRET = "a secret that has thirty-two bytes"
EXPECTED = Expected("https://issuer", "edgemesh", 5.0, "sub", "scope")
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OTHER = ec.generate_private_key(ec.SECP256R1())


def public(private: Any, algorithm: str, kid: str, **more: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(algorithm)
    untyped: Any = made
    return {**json.loads(untyped.to_jwk(private.public_key())), "kid": kid, **more}


def key_set_of(*entries: dict[str, Any]) -> str:
    return json.dumps({"keys": list(entries)})


ALL = key_set_of(*(public(key, algorithm, algorithm) for algorithm, key in PRIVATE.items()))


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {
        "iss": "https://issuer",
        "aud": "edgemesh",
        "sub": "physics",
        "scope": "fake.* jobs:write",
        "exp": now + 60,
        **changed,
    }
    return {name: value for name, value in said.items() if value is not None}


def token(algorithm: str = "HS256", key: Any = None, kid: str = "", **changed: Any) -> str:
    key = key or PRIVATE.get(algorithm, SECRET)
    return jwt.encode(claims(**changed), key, algorithm, {"kid": kid} if kid else None)


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    path = tmp_path / "keys.json"
    path.write_text(ALL)
    return Tokens(EXPECTED, SECRET, KeySet(str(path), 300))


@pytest.mark.parametrize("algorithm", ["HS256", *PRIVATE])
async def test_what_is_signed_is_believed(tokens: Tokens, algorithm: str) -> None:
    for kid in ("", algorithm) if algorithm in PRIVATE else ("",):
        said = await tokens.verify(token(algorithm, kid=kid))
        assert (said.tenant, said.subject) == ("physics", "physics")
        assert said.scopes == ("fake.*", "jobs:write")
        assert said.until == pytest.approx(time.time() + 65, abs=3)


def forged(header: dict[str, Any], key: bytes) -> str:
    """A token signed by HMAC, whatever its header says."""
    parts = [
        base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in (header, claims())
    ]
    signed = b".".join(parts)
    signature = base64.urlsafe_b64encode(hmac.digest(key, signed, hashlib.sha256)).rstrip(b"=")
    return (signed + b"." + signature).decode()


PEM = PRIVATE["RS256"].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
WRONG: dict[str, str] = {
    "expired": token(exp=int(time.time()) - 60),
    "no expiry": token(exp=None),
    "not yet": token(nbf=int(time.time()) + 60),
    "another issuer": token(iss="https://other"),
    "no issuer": token(iss=None),
    "another audience": token(aud=["other"]),
    "no audience": token(aud=None),
    "another secret": token(key="x" * 40),
    "another key": token("ES256", OTHER, kid="ES256"),
    "an unknown key": token("ES256", kid="unknown"),
    "a key of another algorithm": token("ES256", kid="RS256"),
    "a public key as a secret": forged({"alg": "HS256", "kid": "RS256"}, PEM),
    "an algorithm by its size": token("RS512", PRIVATE["RS256"], kid="RS256"),
    "a larger hash": token("HS512", SECRET * 2),
    "none": jwt.encode(claims(), "", "none"),
    "demands": forged({"alg": "HS256", "crit": ["exp"]}, SECRET.encode()),
    "no tenant": token(sub=None),
    "a tenant that is none": token(sub="a b"),
    "scopes that are none": token(scope=3),
    "its end cut off": token()[:-4],
    "no token": "a.b.c",
    "too long": "a." * 9000,
}


@pytest.mark.parametrize("what", WRONG)
async def test_all_else_is_not(tokens: Tokens, what: str) -> None:
    with pytest.raises(BadToken):
        await tokens.verify(WRONG[what])


async def test_without_a_secret_none_is_believed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(ALL)
    only_keys = Tokens(EXPECTED, None, KeySet(str(path), 300))
    for wrong in (token(), forged({"alg": "HS256"}, b""), forged({"alg": "HS256"}, PEM)):
        with pytest.raises(BadToken):
            await only_keys.verify(wrong)
    only_secret = Tokens(EXPECTED, SECRET, None)
    with pytest.raises(BadToken):
        await only_secret.verify(token("RS256", kid="RS256"))


async def test_claims_are_read_as_settings_say() -> None:
    expected = Expected("https://issuer", "edgemesh", 0.0, "team", "roles")
    by_claim = Tokens(expected, SECRET, None)
    said = await by_claim.verify(token(team="chemistry", roles=["cpp.*", "a b", 3]))
    assert (said.tenant, said.subject, said.scopes) == ("chemistry", "physics", ("cpp.*",))
    # Scopes that are asked for and not there are none.
    assert (await by_claim.verify(token(team="chemistry"))).scopes == ()
    unscoped = Tokens(Expected("https://issuer", "edgemesh", 0.0, "sub", ""), SECRET, None)
    assert (await unscoped.verify(token())).scopes is None


async def test_an_unknown_key_has_the_set_read_once(tmp_path: Path) -> None:
    now = 100.0
    path = tmp_path / "keys.json"
    path.write_text(key_set_of(public(PRIVATE["ES256"], "ES256", "old")))
    keys = KeySet(str(path), 300, clock=lambda: now)
    tokens = Tokens(EXPECTED, None, keys)
    await tokens.verify(token("ES256", kid="old"))
    assert keys.fetched == 1
    path.write_text(key_set_of(public(OTHER, "ES256", "new")))
    for _ in range(3):
        with pytest.raises(BadToken):
            await tokens.verify(token("ES256", OTHER, kid="new"))
    assert keys.fetched == 1
    now += key_set.COOLDOWN_S
    several = [tokens.verify(token("ES256", OTHER, kid="new", jti=str(n))) for n in range(5)]
    assert {said.tenant for said in await asyncio.gather(*several)} == {"physics"}
    assert keys.fetched == 2
    # One that cannot be read leaves the last in force.
    path.write_text("{}")
    await keys.refresh()
    assert keys.wrong
    await tokens.verify(token("ES256", OTHER, kid="new", jti="later"))


def test_key_sets_that_cannot_be_used() -> None:
    weak = rsa.generate_private_key(65537, 1024)
    for content in (
        "",
        "[]",
        '{"keys": 3}',
        '{"keys": [3]}',
        key_set_of({"kty": "oct", "k": "c2VjcmV0", "kid": "s"}),
        key_set_of(public(weak, "RS256", "weak")),
        key_set_of(public(PRIVATE["RS256"], "RS256", "e", use="enc")),
        key_set_of(public(PRIVATE["RS256"], "RS256", "e", alg="RS512")),
    ):
        with pytest.raises(BadKeySet):
            parse(content.encode())
    for url in ("http://example.org/keys", "ftp://example.org/keys", "https://"):
        with pytest.raises(BadKeySet):
            check_url(url)


class Issuer:
    """Serves a key set."""

    def __init__(self) -> None:
        self.content = ALL.encode()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                redirects = self.path == "/redirect"
                self.send_response(302 if redirects else 200)
                if redirects:
                    self.send_header("location", "/keys")
                self.end_headers()
                self.wfile.write(b"" if redirects else issuer.content)

            def log_message(self, format: str, *args: Any) -> None:
                """Nowhere."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    running = Issuer()
    yield running
    running.close()


async def test_key_sets_come_by_url_and_redirects_are_not_followed(issuer: Issuer) -> None:
    tokens = Tokens(EXPECTED, None, KeySet(f"{issuer.url}/keys", 300))
    assert (await tokens.verify(token("EdDSA", kid="EdDSA"))).tenant == "physics"
    astray = KeySet(f"{issuer.url}/redirect", 300)
    await astray.refresh()
    assert "302" in astray.wrong
    issuer.content = b" " * (key_set.MOST_BYTES + 1)
    large = KeySet(f"{issuer.url}/keys", 300)
    await large.refresh()
    assert "more than" in large.wrong


JWT: dict[str, Any] = {"jwt_issuer": "https://issuer", "jwt_audience": "edgemesh"}


def bearer(text: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {text}"),)


async def test_a_token_opens_the_gateway(fake: FakeExecutor, datapath: str) -> None:
    await fake.offer("fake.echo", "other.one")
    async with house({"fake": fake.port}, jwt_secret=SECRET, **JWT) as gate:
        given = token()

        def ask(**fields: Any) -> Any:
            return gate.compute.Compute(request(**fields), metadata=bearer(given), timeout=20)

        for _ in range(3):
            seen = json.loads((await ask()).result)
            assert seen["edgemesh-tenant"] == "physics"
            assert "authorization" not in seen
        # The first is verified by Python, the rest are known to the data path.
        assert ("user-agent" in fake.metadata) is (datapath == "python")
        refusal = await refused(ask(algorithm="other.one"))
        assert refusal.code is grpc.StatusCode.PERMISSION_DENIED
        assert refusal.metadata == {"scope": "other.one"}
        said: set[tuple[object, ...]] = set()
        for wrong in {*WRONG.values(), "", "x"} - {WRONG["too long"]}:
            call = gate.compute.Compute(request(), metadata=bearer(wrong), timeout=20)
            refusal = await refused(call)
            said.add((refusal.code, refusal.reason, refusal.message, *refusal.metadata))
        assert len(said) == 1
        assert refusal.code is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_ends_when_it_says(fake: FakeExecutor) -> None:
    async with house({"fake": fake.port}, jwt_secret=SECRET, jwt_leeway_s=0, **JWT) as gate:
        given = bearer(token(exp=int(time.time()) + 2))
        await gate.compute.Compute(request(), metadata=given, timeout=20)
        async with asyncio.timeout(20):
            while True:
                try:
                    await gate.compute.Compute(request(), metadata=given, timeout=20)
                except grpc.aio.AioRpcError as error:
                    assert Refusal(error).code is grpc.StatusCode.UNAUTHENTICATED  # noqa: PT017
                    break


async def test_keys_that_go_from_the_set_open_nothing_any_more(
    fake: FakeExecutor, tmp_path: Path
) -> None:
    path = tmp_path / "keys.json"
    path.write_text(ALL)
    async with house({"fake": fake.port}, jwt_key_set=str(path), **JWT) as gate:
        old = bearer(token("RS256", kid="RS256"))
        for _ in range(2):
            await gate.compute.Compute(request(), metadata=old, timeout=20)
        path.write_text(key_set_of(public(OTHER, "ES256", "new")))
        new = bearer(token("ES256", OTHER, kid="new"))
        registry = gate.mesh.metrics.registry

        async def opens(given: Any) -> bool:
            try:
                await gate.compute.Compute(request(), metadata=given, timeout=20)
            except grpc.aio.AioRpcError as error:
                assert Refusal(error).code is grpc.StatusCode.UNAUTHENTICATED  # noqa: PT017
                return False
            return True

        async with asyncio.timeout(20):
            while await opens(old):
                pass
        assert await opens(new)
        path.write_text("{}")
        name = "edgemesh_reload_refused"
        await eventually(lambda: registry.get_sample_value(name, {"file": "key set"}) == 1)
        assert await opens(new)


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "short": ({**JWT, "jwt_secret": "x" * 31}, "JWT_SECRET: at least 32 bytes"),
    "no issuer": ({"jwt_secret": SECRET, "jwt_audience": "a"}, "JWT_ISSUER: required"),
    "no audience": ({"jwt_secret": SECRET, "jwt_issuer": "a"}, "JWT_AUDIENCE: required"),
    "no key": (JWT, "JWT_ISSUER: goes with"),
    "no file": ({**JWT, "jwt_key_set": "/nowhere.json"}, "JWT_KEY_SET"),
    "no https": ({**JWT, "jwt_key_set": "http://example.org"}, "JWT_KEY_SET: a file, or an https"),
    "public": ({"host": "0.0.0.0"}, "API_KEYS: required"),
}


@pytest.mark.parametrize("what", SETTINGS)
def test_settings_that_cannot_be_meant(what: str) -> None:
    given, expected = SETTINGS[what]
    executors = {"executors": {"fake": "127.0.0.1:1"}}
    with pytest.raises(SettingsError) as refusal:
        GatewaySettings(**executors, **given).check()
    assert expected in str(refusal.value)


def test_a_public_address_may_be_opened_by_tokens() -> None:
    GatewaySettings(host="0.0.0.0", jwt_secret=SecretStr(SECRET), **JWT).check()
