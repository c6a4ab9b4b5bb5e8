"""Real servers on loopback that serve files as a CDN or an image server does."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass
class Served:
    """What a path gives."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "image/png"})
    send: Callable[[BaseHTTPRequestHandler], None] | None = None


class MediaServer:
    """A host with files; notes what it was asked, with which headers."""

    def __init__(self, certificate: Path | None = None):
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.entry = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def __enter__(self) -> MediaServer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.asked.append((self.path, dict(self.headers)))
                found = served.files.get(self.path) or Served(status=404)
                self.send_response(found.status)
                length = {} if found.send else {"Content-Length": str(len(found.body))}
                headers = length | found.headers
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if found.send:
                    found.send(self)
                else:
                    self.wfile.write(found.body)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler


def certificate(folder: Path, host: str) -> Path:
    """Make a certificate of its own authority for a host; needs openssl."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    words += ["-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run(
        [*words, "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True,
        capture_output=True,
    )
    return folder
