"""The model hub, as a server on this machine that answers as it does."""

import hashlib
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from clean_al import TextEncoder, find_encoder
from clean_al.encoders import EncoderMissing, EncoderRefused
from clean_al.encoders.sources.hub import HOSTED
from clean_al.encoders.sources.package import PACKAGES
from tests.clean_al.encoders.real import needs_text, text_weights

pytestmark = needs_text


class Hub(ThreadingHTTPServer):
    """Gives one file, wherever it is asked for, in the redirect that the real one makes for large files."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Answer)
        self.content, self.asked = content, []


class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path.startswith("/sentence-transformers/"):
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_port}/storage")
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def hub(tmp_path, monkeypatch):
    content = text_weights().read_bytes()
    server = Hub(content)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    checksum = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(HOSTED, "text", replace(HOSTED["text"], sha256=checksum, size=len(content)))
    # As on a machine without the package of the weights.
    monkeypatch.setitem(PACKAGES, "text", replace(PACKAGES["text"], distribution="no-such-distribution"))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def kept(tmp_path):
    return [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_the_pinned_revision_is_fetched_once_and_then_taken_from_the_cache(hub, tmp_path):
    first = TextEncoder()
    assert hub.asked == [
        f"/sentence-transformers/all-MiniLM-L6-v2/resolve/{HOSTED['text'].revision}/onnx/model.onnx",
        "/storage",
    ]
    second = TextEncoder()
    assert len(hub.asked) == 2
    assert len(kept(tmp_path)) == 1
    assert first.identity == second.identity
    assert first.encode(["a text"]).shape == (1, 384)


@pytest.mark.parametrize(
    "damage", [lambda c: c[:1000], lambda c: c + b"more", lambda c: c[:-1] + b"\0", lambda c: b""]
)
def test_another_file_than_the_pinned_one_is_refused_and_not_kept(hub, tmp_path, damage):
    hub.content = damage(hub.content)
    with pytest.raises(EncoderRefused, match=r"gave another sentence-transformers/all-MiniLM-L6-v2"):
        TextEncoder()
    assert kept(tmp_path) == []


def test_a_file_that_was_damaged_in_the_cache_is_fetched_anew(hub, tmp_path):
    TextEncoder()
    (path,) = kept(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    assert TextEncoder().dimension == 384
    assert len(hub.asked) == 4


def test_what_the_hubs_own_cache_has_is_not_fetched(hub, tmp_path):
    folder = tmp_path / "hub" / "hub" / "models--sentence-transformers--all-MiniLM-L6-v2" / "snapshots"
    place = folder / HOSTED["text"].revision / "onnx" / "model.onnx"
    place.parent.mkdir(parents=True)
    place.write_bytes(hub.content)
    assert TextEncoder().dimension == 384
    assert hub.asked == []


def test_offline_nothing_is_asked_and_the_reason_names_every_source_that_was_tried(hub, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    reason = find_encoder("text").reason
    assert "no-such-distribution is not installed" in reason
    assert "HF_HUB_OFFLINE is set" in reason
    assert hub.asked == []


def test_without_a_network_the_encoder_is_missing(hub, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(EncoderMissing, match=r"the model hub does not give .*: URLError"):
        TextEncoder()
    assert kept(tmp_path) == []


def test_an_endpoint_that_is_no_web_address_is_named(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "file:///etc")
    assert "HF_ENDPOINT must be an address" in find_encoder("text").reason
