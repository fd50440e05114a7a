"""The site over TLS, as it is where others can reach it: the same bounds hold before the first word is understood."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess

import httpx2
import msgspec
import pytest
from tests.integration.api.site import Site, open_site
from tests.leaks import run

from ezaigents.api import acceptor, wire
from ezaigents.settings import Settings

WITHIN_S = 10.0
HALF_A_HELLO = b"\x16\x03\x01\x02\x00\x01\x00"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A certificate for this machine, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    try:
        subprocess.run(
            ["openssl", "req", "-x509", *kind, "-keyout", str(key), "-out", str(cert), *names],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("needs openssl to make a certificate")
    return str(cert), str(key)


@pytest.fixture
def secured(settings: Settings, certificate: tuple[str, str]) -> Settings:
    """Settings of a site that has TLS itself."""
    return msgspec.structs.replace(settings, tls_cert=certificate[0], tls_key=certificate[1])


def _client(site: Site) -> httpx2.AsyncClient:
    trusted = ssl.create_default_context(cafile=site.settings.tls_cert)
    return httpx2.AsyncClient(base_url=f"https://{site.host}", verify=trusted, timeout=WITHIN_S, trust_env=False)


async def _is_answered(site: Site) -> bool:
    async with _client(site) as client:
        headers = {"authorization": f"Bearer {site.access.own_token()}"}
        return (await client.get("/api/me", headers=headers)).status_code == 200


def test_the_site_is_answered_over_tls(secured: Settings) -> None:
    """With a certificate, the site speaks TLS of today, its pages are those of https, and its cookie is Secure."""

    async def story() -> None:
        async with open_site(secured) as site:
            async with _client(site) as client:
                headers = {"authorization": f"Bearer {site.access.own_token()}"}
                for origin, status in ((f"https://{site.host}", 200), (f"http://{site.host}", 403)):
                    answer = await client.get("/api/me", headers={**headers, "origin": origin})
                    assert answer.status_code == status
                entered = await client.get("/enter", params={"code": site.access.give_link().text})
                assert entered.status_code == 303
                assert "secure" in entered.headers["set-cookie"].lower()
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            assert ssl.TLSVersion.TLSv1_2 <= old.minimum_version

    run(story())


def test_plain_http_is_not_answered_where_there_is_tls(secured: Settings) -> None:
    """Whoever asks without TLS is told nothing, and the connection ends."""

    async def story() -> None:
        async with open_site(secured) as site:
            assert await _is_answered(site)
            with site.connect() as line:
                await line.send(site.request())
                assert (await line.answer()).status == 0
                assert await line.is_over(WITHIN_S)

    run(story())


def test_a_handshake_that_does_not_come_is_not_waited_for(secured: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever connects and says nothing, or half of a hello, is cut off as without TLS."""

    async def story() -> None:
        async with open_site(secured) as site:
            assert await _is_answered(site)
            with site.connect() as silent, site.connect() as half:
                await half.send(HALF_A_HELLO)
                assert await silent.is_over(WITHIN_S)
                assert await half.is_over(WITHIN_S)

    monkeypatch.setattr(wire, "HEAD_S", 0.3)
    run(story())


@pytest.mark.parametrize("says", [b"", HALF_A_HELLO], ids=["silent", "half a hello"])
def test_strangers_without_a_handshake_are_few(secured: Settings, monkeypatch: pytest.MonkeyPatch, says: bytes) -> None:
    """More than 32 that say nothing, or half a hello, are not kept: the oldest are ended, and others are answered."""
    monkeypatch.setattr(wire, "HEAD_S", 60.0)
    monkeypatch.setattr(wire, "PATIENCE_S", 0.0)
    monkeypatch.setattr(acceptor, "SILENT_MOST", wire.STRANGERS_MOST)
    monkeypatch.setattr(acceptor, "_ENTERING_MOST", wire.STRANGERS_MOST)

    async def story() -> None:
        async with open_site(secured) as site:
            assert await _is_answered(site)
            with contextlib.ExitStack() as leaving:
                lines = []
                for _ in range(wire.STRANGERS_MOST + 10):
                    lines.append(leaving.enter_context(site.connect()))
                    await lines[-1].send(says)
                    await asyncio.sleep(0)
                for line in lines[:5]:
                    assert await line.is_over(WITHIN_S)
                assert await _is_answered(site)

    run(story())
