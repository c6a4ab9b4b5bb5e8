"""`make audit` says what is known, and what it could not find out."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from audit.__main__ import main
from audit.locks import Pin, pins

HASH = "a" * 64
LOCK = f"""flask==3.1.0 \\
    --hash=sha256:{HASH}
old-thing==1.0 ; sys_platform == 'linux' \\
    --hash=sha256:{HASH}
"""


class _Database(BaseHTTPRequestHandler):
    """Knows one release with a hole."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
        old = [{"vulns": [{"id": "OSV-1"}]} if q["package"]["name"] == "old-thing" else {} for q in asked]
        body = json.dumps({"results": old}).encode()
        if self.path == "/cut":
            body = body[: len(body) // 2]
        if self.path == "/few":
            body = b'{"results": []}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def database() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Database)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    path = tmp_path / "requirements.lock"
    path.write_text(LOCK)
    return path


def audit(lock: Path, database: str) -> int:
    return main(["--locks", str(lock), "--database", database, "--output", str(lock.parent / "sbom.json")])


def test_a_release_with_a_known_hole_is_named_and_ends_it_with_1(
    lock: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(lock, database) == 1
    assert "requirements.lock: old-thing 1.0: OSV-1" in capsys.readouterr().err


@pytest.mark.parametrize("path", ["/cut", "/few", None])
def test_where_the_database_does_not_answer_it_says_so_and_ends_with_0(
    path: str | None, lock: Path, database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit(lock, database + path if path else "http://127.0.0.1:9/") == 0
    assert "SKIPPED" in capsys.readouterr().err


def test_the_bill_names_every_release_with_its_hashes_and_is_the_same_each_time(
    lock: Path, database: str
) -> None:
    audit(lock, database)
    first = (lock.parent / "sbom.json").read_text()
    audit(lock, database)
    assert (lock.parent / "sbom.json").read_text() == first
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    assert [one["purl"] for one in bill["components"]] == ["pkg:pypi/flask@3.1.0", "pkg:pypi/old-thing@1.0"]
    assert bill["components"][0]["properties"] == [{"name": "clean-al:sha256", "value": HASH}]
    assert bill["dependencies"] == [
        {"ref": "root", "dependsOn": ["pkg:pypi/flask@3.1.0", "pkg:pypi/old-thing@1.0"]}
    ]


def test_a_release_without_a_hash_ends_it(tmp_path: Path) -> None:
    path = tmp_path / "requirements.lock"
    path.write_text("flask==3.1.0\n")
    with pytest.raises(ValueError, match=r"requirements\.lock: no version or no hash: flask"):
        pins(path)


def test_what_a_lock_pins_is_read(lock: Path) -> None:
    assert pins(lock) == [Pin("flask", "3.1.0", (HASH,)), Pin("old-thing", "1.0", (HASH,))]
