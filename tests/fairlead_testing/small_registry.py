"""A read-only image registry with one image, on 127.0.0.1 (which Docker trusts without TLS)."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"


class SmallRegistry:
    """Serves `layer` (a tar) as `reference`. While `gate` is clear, the layer is held back after its first bytes.
    `login`: "USER:PASSWORD" that it asks for, if any."""

    def __init__(self, layer: bytes) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.asked = threading.Event()
        self.login = ""
        self.blobs = {_digest(layer): layer}
        self._layer = layer
        self._manifest = self._made(layer)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def reference(self) -> str:
        return f"{self.address}/fairlead/small:1"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def digest(self) -> str:
        """Of the manifest."""
        return _digest(self._manifest)

    @property
    def image_id(self) -> str:
        return str(json.loads(self._manifest)["config"]["digest"])

    @property
    def authorization(self) -> str:
        """The header of who is let in."""
        return f"Basic {b64encode(self.login.encode()).decode()}"

    def corrupt(self) -> None:
        """The layer is of the right size from now on, and not what its digest says."""
        digest = _digest(self._layer)
        self.blobs[digest] = self._layer[:-1] + bytes([self._layer[-1] ^ 1])

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def _made(self, layer: bytes) -> bytes:
        rootfs = {"type": "layers", "diff_ids": [_digest(layer)]}
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}).encode()
        self.blobs[_digest(config)] = config
        return json.dumps(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "size": len(config), "digest": _digest(config)},
                "layers": [{"mediaType": LAYER, "size": len(layer), "digest": _digest(layer)}],
            }
        ).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self._answer(body=False)

            def do_GET(self) -> None:
                self._answer(body=True)

            def log_message(self, format: str, *args: object) -> None:
                pass

            def _answer(self, body: bool) -> None:
                if registry.login and self.headers["Authorization"] != registry.authorization:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="small"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                kind, content = registry.content(self.path)
                self.send_response(200 if content else 404)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Docker-Content-Digest", _digest(content))
                self.end_headers()
                if body and content:
                    registry.write(self, content)

        return Handler

    def content(self, path: str) -> tuple[str, bytes]:
        if path == "/v2/":
            return "application/json", b"{}"
        if "/manifests/" in path:
            return MANIFEST, self._manifest
        return "application/octet-stream", self.blobs.get(path.rpartition("/")[2], b"")

    def write(self, handler: BaseHTTPRequestHandler, content: bytes) -> None:
        """The content, in two parts with the gate between them if it is the layer."""
        first = 1024 if content is self._layer else len(content)
        try:
            handler.wfile.write(content[:first])
            if first < len(content):
                self.asked.set()
                self.gate.wait(30)
                handler.wfile.write(content[first:])
        except OSError:
            pass  # the Engine went away, as a cancelled pull makes it


def _digest(content: bytes) -> str:
    return f"sha256:{sha256(content).hexdigest()}"
