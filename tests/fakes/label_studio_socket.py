"""The fake's sockets: reads requests, and breaks answers where a fault says so."""

from __future__ import annotations

import json
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.label_studio_routes import Answer, Request


class Fake(Protocol):
    """Who answers."""

    def note(self, request: Request) -> Any:
        """Log a request, and return the fault that hits it."""

    def answer(self, request: Request) -> Answer:
        """Do what a request asks."""


class Server(ThreadingHTTPServer):
    """Listens for one fake, and knows its open connections."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, fake: Fake, port: int):
        self.fake = fake
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, in a thread of its own."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection that has ended."""
        self._open.discard(request)
        super().shutdown_request(request)

    def end(self) -> None:
        """Listen no more, and break every connection off; their threads close the sockets."""
        self.shutdown()
        self.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that go away are a part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(
            self.command, parts.path, dict(parse_qsl(parts.query)), headers, raw, self.client_address
        )
        fault = self.server.fake.note(request)
        kind = fault.kind if fault else ""
        if kind == "reset":
            return self._cut()
        if kind == "slow":
            time.sleep(fault.seconds)
        if kind == "status":
            answered = Answer(fault.status, {"detail": fault.detail}, fault.headers)
        else:
            answered = self.server.fake.answer(request)
        request.status = answered.status
        if kind == "drop":
            return self._cut()
        return self._send(answered, kind)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle

    def _send(self, answered: Answer, fault: str) -> None:
        content = b"<html>Not JSON</html>" if fault == "garbage" else _bytes(answered)
        self.send_response(answered.status)
        for name, value in ({"Content-Type": "application/json"} | answered.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if fault == "truncate" else content)
        self.close_connection = self.close_connection or fault == "truncate"

    def _cut(self) -> None:
        """Reset the connection instead of closing it in order."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Keep quiet; the fake has its own log."""


def _bytes(answered: Answer) -> bytes:
    if isinstance(answered.content, bytes):
        return answered.content
    if answered.status == 204 or answered.content is None:
        return b""
    return (
        answered.content.encode()
        if isinstance(answered.content, str)
        else json.dumps(answered.content).encode()
    )
