"""The registry's program as a zone's seed: it shows its identity, fetches each blob once, and has it afterwards."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import signal
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from fairlead_controller.pki.authority import seed_certificate
from fairlead_testing.authorities import FleetAuthority
from fairlead_testing.registry_program import ask, registry_program, tls_files
from fairlead_testing.served_controller import free_port
from fairlead_testing.small_registry import SmallRegistry
from fairlead_wire.channels import Credentials
from fairlead_wire.identity import key_pem, new_key, request_der
from fairlead_wire.registry_config import (
    UPSTREAM_AUTHORITY,
    UPSTREAM_CERTIFICATE,
    UPSTREAM_KEY,
    RegistryFiles,
    pull_through,
)

LAYER = os.urandom(3 * 1024 * 1024)
NODES = 6
SECONDS = 60


class Upstream(SmallRegistry):
    """Stands in for the registry beside the controller: mutual TLS, and a count of what it gave."""

    def __init__(self, served: ssl.SSLContext) -> None:
        self.got: Counter[str] = Counter()
        super().__init__(LAYER)
        self._server.socket = served.wrap_socket(self._server.socket, server_side=True)

    def write(self, handler: http.server.BaseHTTPRequestHandler, content: bytes) -> None:
        self.got[handler.path.rpartition("/")[2]] += 1
        super().write(handler, content)


class SeedProgram:
    """A seed with its files as an agent writes them, and an upstream that it may ask."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.authority = folder, FleetAuthority(time.time())
        mine, self.node = self._signed("id-seed"), self.authority.node("id-seed")
        self.at = f"127.0.0.1:{free_port()}"
        upstream = self._signed("id-upstream")
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_verify_locations(cadata=upstream.authority.decode())
        serving.verify_mode = ssl.CERT_REQUIRED
        self._write("up.crt", upstream.chain)
        self._write("up.key", upstream.key)
        serving.load_cert_chain(folder / "up.crt", folder / "up.key")
        self.upstream = Upstream(serving)
        for name, content in (("server.crt", mine.chain), ("server.key", mine.key), ("ca.crt", mine.authority)):
            self._write(name, content)
        self.introduce(self.node)
        files = RegistryFiles(*(str(folder / name) for name in ("store", "server.crt", "server.key", "ca.crt")))
        self._write("config.json", pull_through(files, self.at, self.upstream.address))

    def introduce(self, identity: Credentials) -> None:
        self._write("client.key", identity.key)
        self._write("client.crt", identity.chain)

    def blob(self, digest: str, context: ssl.SSLContext) -> bytes:
        status, content = ask(self.at, context, "GET", f"/v2/fairlead/small/blobs/{digest}")
        assert status == 200, content
        return content

    @contextmanager
    def running(self) -> Iterator[ssl.SSLContext]:
        """The program; with it a client's side of TLS."""
        environment = {
            UPSTREAM_AUTHORITY: str(self.folder / "ca.crt"),
            UPSTREAM_CERTIFICATE: str(self.folder / "client.crt"),
            UPSTREAM_KEY: str(self.folder / "client.key"),
            "OTEL_TRACES_EXPORTER": "none",
        }
        log = (self.folder / "log").open("wb")
        words = [str(registry_program()), "serve", str(self.folder / "config.json")]
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
        try:
            with tls_files(self.folder / "mine", self.authority.node("id-n1")) as context:
                self._until_it_answers(process, context)
                yield context
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
            log.close()

    def _until_it_answers(self, process: subprocess.Popen[bytes], context: ssl.SSLContext) -> None:
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            assert process.poll() is None, (self.folder / "log").read_text()
            try:
                if ask(self.at, context, "GET", "/v2/")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log").read_text())

    def _signed(self, node_id: str) -> Credentials:
        key, authority = new_key(), self.authority
        chain = seed_certificate(authority.record, node_id, "127.0.0.1", request_der(key), authority.stamp())
        return Credentials(authority.fleet_id, authority.record.certificate, chain, key_pem(key))

    def _write(self, name: str, content: bytes) -> None:
        (self.folder / name).write_bytes(content)


@pytest.fixture
def seed(tmp_path: Path) -> Iterator[SeedProgram]:
    made = SeedProgram(tmp_path)
    yield made
    made.upstream.close()


def layer_of(seed: SeedProgram) -> str:
    return next(digest for digest, content in seed.upstream.blobs.items() if content == LAYER)


def test_many_that_begin_at_once_cost_the_upstream_each_layer_once(seed: SeedProgram) -> None:
    digest = layer_of(seed)
    with seed.running() as context, ThreadPoolExecutor(NODES) as nodes:
        seed.upstream.gate.clear()
        asked = [nodes.submit(seed.blob, digest, context) for _ in range(NODES)]
        assert seed.upstream.asked.wait(SECONDS)
        seed.upstream.gate.set()
        assert [each.result(SECONDS) == LAYER for each in asked] == [True] * NODES
        assert seed.upstream.got[digest] == 1
        assert seed.blob(digest, context) == LAYER
        assert seed.upstream.got[digest] == 1


def test_when_the_first_leaves_in_the_middle_the_next_gets_it_whole(seed: SeedProgram) -> None:
    digest = layer_of(seed)
    with seed.running() as context, ThreadPoolExecutor(NODES) as nodes:
        seed.upstream.gate.clear()
        host, _, port = seed.at.rpartition(":")
        leaving = http.client.HTTPSConnection(host, int(port), context=context, timeout=SECONDS)
        leaving.request("GET", f"/v2/fairlead/small/blobs/{digest}")
        assert seed.upstream.asked.wait(SECONDS)
        waiting = [nodes.submit(seed.blob, digest, context) for _ in range(2)]
        leaving.close()
        seed.upstream.gate.set()
        assert [each.result(SECONDS) == LAYER for each in waiting] == [True, True]


def test_what_it_has_it_gives_while_its_upstream_is_away(seed: SeedProgram) -> None:
    digest, manifest = layer_of(seed), f"/v2/fairlead/small/manifests/{seed.upstream.digest}"
    accept = "application/vnd.docker.distribution.manifest.v2+json"
    with seed.running() as context:
        assert ask(seed.at, context, "GET", manifest, accept=accept)[0] == 200
        seed.blob(digest, context)
        seed.upstream.close()
        status, content = ask(seed.at, context, "GET", manifest, accept=accept)
        assert (status, json.loads(content)["schemaVersion"]) == (200, 2)
        assert seed.blob(digest, context) == LAYER


def test_it_starts_while_its_upstream_is_away(seed: SeedProgram) -> None:
    digest = layer_of(seed)
    with seed.running() as context:
        for _ in range(2):  # the second is served once the first is on the disk
            seed.blob(digest, context)
    seed.upstream.close()
    with seed.running() as context:
        assert seed.blob(digest, context) == LAYER


def test_a_corrupted_layer_is_not_kept(seed: SeedProgram) -> None:
    digest = layer_of(seed)
    with seed.running() as context:
        seed.upstream.corrupt()
        with pytest.raises((AssertionError, http.client.HTTPException, OSError)):
            assert seed.blob(digest, context) == LAYER
        seed.upstream.blobs[digest] = LAYER
        assert seed.blob(digest, context) == LAYER
        assert seed.blob(digest, context) == LAYER


def test_nobody_without_a_certificate_of_the_fleet_and_no_push(seed: SeedProgram) -> None:
    stranger = FleetAuthority(time.time(), "0ther")
    with seed.running() as context:
        for unknown in (Credentials("f1eet", seed.node.authority), stranger.node("id-n1")):
            trusting = Credentials("f1eet", seed.node.authority, unknown.chain, unknown.key)
            with tls_files(seed.folder / "unknown", trusting) as theirs, pytest.raises(OSError):
                ask(seed.at, theirs, "GET", "/v2/")
        assert ask(seed.at, context, "POST", "/v2/fairlead/small/blobs/uploads/")[0] in (401, 405)


def test_a_renewed_identity_is_shown_without_a_restart(seed: SeedProgram) -> None:
    seed.introduce(FleetAuthority(time.time(), "0ther").node("id-seed"))
    digest = layer_of(seed)
    with seed.running() as context:
        with pytest.raises((AssertionError, http.client.HTTPException, OSError)):
            seed.blob(digest, context)
        seed.introduce(seed.authority.node("id-seed"))
        assert seed.blob(digest, context) == LAYER
