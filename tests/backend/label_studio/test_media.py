"""Media come from the data themselves, Label Studio, or a listed host at a checked address: nothing else."""

from __future__ import annotations

import base64
import gzip
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from backend.errors import LabelStudioUnreachable, MediaError, SettingsError
from backend.label_studio import breaker
from backend.label_studio.client import LabelStudio
from backend.label_studio.media import Media, read_data_uri
from backend.media_hosts import MediaHost, is_public, parse_hosts
from backend.settings import read_settings
from tests.backend.label_studio.media_servers import MediaServer, Served, certificate
from tests.fakes.label_studio import FakeLabelStudio

PICTURE = b"\x89PNG picture"
LIMIT = 10_000


@pytest.fixture
def cdn() -> Iterator[MediaServer]:
    with MediaServer() as server:
        server.files["/a.png"] = Served(PICTURE)
        yield server


@pytest.fixture
def fetching(label_studio: LabelStudio) -> Callable[..., Callable[[str], bytes]]:
    """Return what fetches with a list of hosts."""

    def make(hosts: str = "", project: int = 7, seconds: float = 5, limit: int = LIMIT) -> Any:
        return Media.at(label_studio, parse_hosts(hosts), limit, seconds).of_project(project)

    return make


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def names(monkeypatch: pytest.MonkeyPatch, **hosts: str | list[str]) -> list[str]:
    """Let host names have these addresses, one list after the other; returns what was asked for."""
    real, asked = socket.getaddrinfo, []
    answers = {name.replace("_", "."): [a] if isinstance(a, str) else list(a) for name, a in hosts.items()}

    def resolve(host: Any, port: Any, *args: Any, **how: Any) -> Any:
        if host not in answers:
            return real(host, port, *args, **how)
        asked.append(host)
        given = answers[host]
        address = given.pop(0) if len(given) > 1 else given[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in address.split(",")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


class TestTheList:
    @pytest.mark.parametrize(
        ("entry", "host"),
        [
            ("cdn.example.org", MediaHost("https", "cdn.example.org", 443)),
            ("CDN.Example.org.", MediaHost("https", "cdn.example.org", 443)),
            ("https://cdn.example.org:8443/", MediaHost("https", "cdn.example.org", 8443)),
            ("http://images", MediaHost("http", "images", 80)),
            ("bücher.example", MediaHost("https", "xn--bcher-kva.example", 443)),
        ],
    )
    def test_an_entry_is_an_exact_host_by_https_unless_it_says_http(
        self, entry: str, host: MediaHost
    ) -> None:
        assert parse_hosts(entry) == (host,)

    def test_a_host_that_is_an_address_may_have_that_address_alone(self) -> None:
        (host,) = parse_hosts("http://10.0.0.5:9000")
        assert host.allows(ip_address("10.0.0.5"))
        assert not host.allows(ip_address("10.0.0.6"))

    def test_a_name_may_have_a_private_address_where_its_network_is_given(self) -> None:
        (host,) = parse_hosts("http://minio:9000=10.0.0.0/8")
        assert (host.host, host.port) == ("minio", 9000)
        assert host.allows(ip_address("10.1.2.3"))
        assert not host.allows(ip_address("192.168.0.1"))

    @pytest.mark.parametrize(
        "entry",
        [
            "*.example.org",
            "https://",
            "ftp://x.org",
            "x.org/path",
            "user@x.org",
            "user:secret@x.org",
            "x.org:port",
            "x.org?q=1",
            "x.org=nonsense",
            "http://169.254.169.254",
            "metadata=169.254.0.0/16",
            "x.org=0.0.0.0/0",
            "[fe80::1]",
            "-x.org",
        ],
    )
    def test_a_wrong_list_ends_the_start_and_is_not_repeated(self, entry: str) -> None:
        with pytest.raises(SettingsError, match=r"CLEAN_AL_MEDIA_HOSTS: .*cdn\.example\.org") as caught:
            read_settings(_env_file=None, CLEAN_AL_MEDIA_HOSTS=f"a.org,{entry}")
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize(
        ("address", "public"),
        [
            ("93.184.216.34", True),
            ("2606:4700::1111", True),
            ("127.0.0.1", False),
            ("10.0.0.1", False),
            ("100.64.0.1", False),
            ("169.254.169.254", False),
            ("224.0.0.1", False),
            ("0.0.0.0", False),
            ("::1", False),
            ("fd00::1", False),
            ("::ffff:10.0.0.1", False),
            ("64:ff9b::a00:1", False),
            ("64:ff9b::5db8:d822", True),
            ("2002:a00:1::", False),
        ],
    )
    def test_what_counts_as_public(self, address: str, public: bool) -> None:
        assert is_public(ip_address(address)) is public


class TestOtherHosts:
    def test_a_listed_host_is_asked_without_our_token_and_by_our_name(
        self, cdn: MediaServer, fetching: Any
    ) -> None:
        assert fetching(cdn.entry)(f"{cdn.entry}/a.png") == PICTURE
        ((_, headers),) = cdn.asked
        assert not {"Authorization", "Cookie"} & set(headers)
        assert headers["User-Agent"].startswith("clean-al")
        assert headers["Host"] == f"127.0.0.1:{cdn.port}"

    @pytest.mark.usefixtures("no_network")
    @pytest.mark.parametrize(
        ("hosts", "address", "setting"),
        [
            ("", "https://cdn.example.org/a.png", "cdn.example.org"),
            ("a.org", "https://cdn.example.org/a.png", "a.org,cdn.example.org"),
            ("cdn.example.org", "http://cdn.example.org/a.png", "cdn.example.org,http://cdn.example.org"),
            (
                "cdn.example.org",
                "https://cdn.example.org:8443/a.png",
                "cdn.example.org,cdn.example.org:8443",
            ),
            ("example.org", "https://cdn.example.org/a.png", "example.org,cdn.example.org"),
            ("http://minio=10.0.0.0/8", "https://a.org/b", "http://minio=10.0.0.0/8,a.org"),
            ("http://10.0.0.5:9000", "https://a.org/b", "http://10.0.0.5:9000,a.org"),
        ],
    )
    def test_what_is_not_listed_exactly_opens_no_connection_and_names_the_setting(
        self, fetching: Any, hosts: str, address: str, setting: str
    ) -> None:
        with pytest.raises(MediaError) as caught:
            fetching(hosts)(address)
        assert f"set CLEAN_AL_MEDIA_HOSTS={setting} to allow it" in str(caught.value)
        assert not caught.value.later
        parse_hosts(setting)

    @pytest.mark.usefixtures("no_network")
    @pytest.mark.parametrize(
        "address",
        [
            "file:///etc/passwd",
            "ftp://cdn.example.org/a",
            "https://user@cdn.example.org/a",
            "https://cdn.example.org@evil.org/a",
            "https://cdn.example.org:port/a",
            "https:///a.png",
            "https://cdn.example.org\\@evil.org/a",
            "https://cdn.example.org/\r\nHost: evil",
            "javascript:alert(1)",
            "//cdn.example.org/a.png",
            "data/upload/1/a.png",
            "just words",
            "https://cdn.example.org/\ud800",
            "/data/upload/1/\udfff.png",
            "s3://bucket/\ud83d",
            "data:,\ud800",
        ],
    )
    def test_odd_addresses_open_no_connection(self, fetching: Any, address: str) -> None:
        with pytest.raises(MediaError):
            fetching("cdn.example.org")(address)

    def test_names_with_blanks_are_asked_for_as_a_browser_does(self, cdn: MediaServer, fetching: Any) -> None:
        cdn.files["/my%20photo.png"] = Served(PICTURE)
        assert fetching(cdn.entry)(f" {cdn.entry}/my photo.png ") == PICTURE

    def test_a_name_with_a_private_address_is_refused_with_the_fix(
        self, cdn: MediaServer, fetching: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names(monkeypatch, cdn_example="127.0.0.1")
        address = f"http://cdn.example:{cdn.port}"
        with pytest.raises(MediaError, match=r"private address 127\.0\.0\.1") as caught:
            fetching(address)(f"{address}/a.png")
        assert cdn.asked == []
        entry = str(caught.value).partition("CLEAN_AL_MEDIA_HOSTS=")[2]
        assert fetching(entry)(f"{address}/a.png") == PICTURE
        assert cdn.asked[0][1]["Host"] == f"cdn.example:{cdn.port}"

    def test_a_name_is_resolved_once_and_only_the_checked_address_is_connected(
        self, cdn: MediaServer, fetching: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = names(monkeypatch, cdn_example=["127.0.0.1", "127.0.0.2"])
        entry = f"http://cdn.example:{cdn.port}=127.0.0.1"
        assert fetching(entry)(f"http://cdn.example:{cdn.port}/a.png") == PICTURE
        assert asked == ["cdn.example"]

    def test_of_several_addresses_the_forbidden_ones_are_left_out(
        self, cdn: MediaServer, fetching: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names(monkeypatch, cdn_example="10.255.255.1,127.0.0.1")
        entry = f"http://cdn.example:{cdn.port}=127.0.0.1"
        assert fetching(entry)(f"http://cdn.example:{cdn.port}/a.png") == PICTURE

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_off_the_list_is_not_followed(
        self, cdn: MediaServer, fetching: Any, status: int
    ) -> None:
        with MediaServer() as other:
            other.files["/b.png"] = Served(PICTURE)
            cdn.files["/moved"] = Served(status=status, headers={"Location": f"{other.entry}/b.png"})
            with pytest.raises(MediaError, match="not fetched"):
                fetching(cdn.entry)(f"{cdn.entry}/moved")
            assert other.asked == []
            assert fetching(f"{cdn.entry},{other.entry}")(f"{cdn.entry}/moved") == PICTURE

    def test_a_redirect_within_a_host_is_followed_and_a_circle_ends(
        self, cdn: MediaServer, fetching: Any
    ) -> None:
        cdn.files["/old"] = Served(status=302, headers={"Location": "/a.png"})
        cdn.files["/loop"] = Served(status=302, headers={"Location": "/loop"})
        fetch = fetching(cdn.entry)
        assert fetch(f"{cdn.entry}/old") == PICTURE
        with pytest.raises(MediaError, match="circle"):
            fetch(f"{cdn.entry}/loop")

    @pytest.mark.parametrize("length", ["\xb2", "9" * 5000, "-4", "four"])
    def test_a_length_that_is_none_is_passed_over_or_the_file_named(
        self, cdn: MediaServer, fetching: Any, length: str
    ) -> None:
        headers = {"Content-Length": length, "Connection": "close", "Content-Type": "image/png"}
        cdn.files["/odd"] = Served(PICTURE, headers=headers)
        with suppress(MediaError):
            assert fetching(cdn.entry)(f"{cdn.entry}/odd") == PICTURE

    @pytest.mark.parametrize("target", ["http://[::1", "https://cdn.example.org:port/", "http://", "//"])
    def test_a_redirect_to_what_is_no_address_names_the_file(
        self, cdn: MediaServer, fetching: Any, target: str
    ) -> None:
        cdn.files["/moved"] = Served(status=302, headers={"Location": target})
        with pytest.raises(MediaError):
            fetching(cdn.entry)(f"{cdn.entry}/moved")

    def test_a_file_above_the_limit_is_refused_declared_or_not(self, cdn: MediaServer, fetching: Any) -> None:
        def endless(handler: BaseHTTPRequestHandler) -> None:
            for _ in range(1000):
                handler.wfile.write(bytes(1000))

        cdn.files["/2gb"] = Served(headers={"Content-Length": str(2 * 2**30), "Content-Type": "image/png"})
        cdn.files["/more"] = Served(headers={"Connection": "close"}, send=endless)
        squeezed = gzip.compress(bytes(10 * LIMIT))
        assert len(squeezed) < LIMIT
        cdn.files["/bomb"] = Served(squeezed, headers={"Content-Encoding": "gzip"})
        for path in ("/2gb", "/more", "/bomb"):
            with pytest.raises(MediaError, match=r"larger than 10000 bytes; CLEAN_AL_MAX_MEDIA allows more"):
                fetching(cdn.entry)(f"{cdn.entry}{path}")

    def test_a_file_that_is_cut_off_is_no_file(self, cdn: MediaServer, fetching: Any) -> None:
        cdn.files["/cut"] = Served(b"half", headers={"Content-Length": "8", "Connection": "close"})
        with pytest.raises(MediaError, match="does not answer"):
            fetching(cdn.entry)(f"{cdn.entry}/cut")

    @pytest.mark.parametrize("kind", ["application/x-msdownload", "application/zip", "font/woff"])
    def test_what_says_that_it_is_no_media_file_is_not_read(
        self, cdn: MediaServer, fetching: Any, kind: str
    ) -> None:
        cdn.files["/x"] = Served(b"x", headers={"Content-Type": kind})
        with pytest.raises(MediaError, match=kind):
            fetching(cdn.entry)(f"{cdn.entry}/x")

    @pytest.mark.parametrize(
        ("status", "words", "later"),
        [
            (404, "no such file", False),
            (401, "wants a login or a signed link; sign the links in the task data, or connect", False),
            (403, "wants a login", False),
            (500, "answers 500", True),
            (418, "answers 418", False),
        ],
    )
    def test_an_answer_that_is_no_file_is_told(
        self, cdn: MediaServer, fetching: Any, status: int, words: str, later: bool
    ) -> None:
        cdn.files["/x"] = Served(status=status)
        with pytest.raises(MediaError, match=words) as caught:
            fetching(cdn.entry)(f"{cdn.entry}/x")
        assert caught.value.later is later

    def test_a_host_that_drips_ends_in_time(self, cdn: MediaServer, fetching: Any) -> None:
        def drip(handler: BaseHTTPRequestHandler) -> None:
            for _ in range(100):
                try:
                    handler.wfile.write(bytes(66_000))
                except OSError:
                    return
                time.sleep(0.05)

        cdn.files["/slow"] = Served(headers={"Connection": "close"}, send=drip)
        with pytest.raises(MediaError, match=r"longer than 0\.2 s"):
            fetching(cdn.entry, seconds=0.2, limit=10**9)(f"{cdn.entry}/slow")

    def test_a_host_that_is_down_is_left_alone_after_some_tries(
        self, fetching: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        fetch, connected = fetching(f"http://127.0.0.1:{port}"), []
        real = socket.socket.connect
        monkeypatch.setattr(
            socket.socket, "connect", lambda self, to: (connected.append(to), real(self, to))[1]
        )
        for _ in range(20):
            with pytest.raises(MediaError, match=r"127\.0\.0\.1 does not answer") as caught:
                fetch(f"http://127.0.0.1:{port}/a.png")
            assert caught.value.later
        assert len(connected) == breaker.FAILURES
        monkeypatch.setattr(breaker.time, "monotonic", lambda: time.time() + breaker.SECONDS)
        with pytest.raises(MediaError):
            fetch(f"http://127.0.0.1:{port}/a.png")

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
    def test_https_is_checked_against_the_name_though_the_address_is_connected(
        self, fetching: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        names(monkeypatch, cdn_example="127.0.0.1", evil_example="127.0.0.1")
        with MediaServer(certificate(tmp_path, "cdn.example")) as server:
            server.files["/a.png"] = Served(PICTURE)
            hosts = f"cdn.example:{server.port}=127.0.0.1,evil.example:{server.port}=127.0.0.1"
            with pytest.raises(MediaError, match="not trusted; set REQUESTS_CA_BUNDLE"):
                fetching(hosts)(f"https://cdn.example:{server.port}/a.png")
            monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "cert.pem"))
            assert fetching(hosts)(f"https://cdn.example:{server.port}/a.png") == PICTURE
            with pytest.raises(MediaError, match="certificate is not trusted"):
                fetching(hosts)(f"https://evil.example:{server.port}/a.png")

    def test_no_proxy_of_the_environment_is_asked(
        self, cdn: MediaServer, fetching: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert fetching(cdn.entry)(f"{cdn.entry}/a.png") == PICTURE


class TestLabelStudiosFiles:
    def test_a_file_of_label_studio_is_fetched_with_blanks_in_its_name(
        self, fake: FakeLabelStudio, fetching: Any
    ) -> None:
        fake.world.files["/data/upload/1/my%20photo.png"] = PICTURE
        assert fetching()("/data/upload/1/my photo.png") == PICTURE
        assert fetching()(f"{fake.url}/data/upload/1/my photo.png") == PICTURE

    def test_a_link_to_the_storage_with_label_studios_public_name_is_asked_of_ours(
        self, fake: FakeLabelStudio, fetching: Any
    ) -> None:
        fake.world.files["/tasks/3/resolve/"] = PICTURE
        address = "https://labels.example.org/ls/tasks/3/resolve/?fileuri=czM6Ly9iL2EucG5n"
        assert fetching()(address) == PICTURE
        assert fake.seen("GET", "/tasks/3/resolve/")[0].params["fileuri"] == "czM6Ly9iL2EucG5n"

    @pytest.mark.parametrize("uri", ["s3://bucket/a b.png", "gs://bucket/a.png", "azure-blob://c/a.png"])
    def test_an_address_in_a_storage_is_resolved_by_label_studio(
        self, fake: FakeLabelStudio, fetching: Any, uri: str
    ) -> None:
        fake.world.files["/projects/7/resolve/"] = PICTURE
        assert fetching()(uri) == PICTURE
        (asked,) = fake.seen("GET", "/projects/7/resolve/")
        assert base64.urlsafe_b64decode(asked.params["fileuri"]).decode() == uri.replace(" ", "%20")

    def test_a_storage_that_is_not_connected_is_named_and_not_asked_for_again_and_again(
        self, fake: FakeLabelStudio, fetching: Any
    ) -> None:
        fetch = fetching()
        for i in range(20):
            with pytest.raises(
                MediaError, match=r"no storage of the project leads to s3://notes; connect"
            ) as caught:
                fetch(f"s3://notes/doc_{i}.txt")
            assert caught.value.later
            assert caught.value.by_hand, "no time alone will connect it"
        assert len(fake.seen("GET", "/projects/7/resolve/")) == breaker.FAILURES

    def test_a_presigned_link_of_label_studio_is_followed_without_our_token(
        self, fake: FakeLabelStudio, cdn: MediaServer, fetching: Any
    ) -> None:
        cdn.files["/b/a.png?X-Amz-Signature=1"] = Served(PICTURE)
        location = f"{cdn.entry}/b/a.png?X-Amz-Signature=1"
        fake.fail("status", status=303, headers={"Location": location}, path="/tasks/1/resolve/", times=9)
        assert fetching(cdn.entry)("/tasks/1/resolve/?fileuri=czM6") == PICTURE
        assert "Authorization" not in cdn.asked[0][1]
        with pytest.raises(MediaError, match="not fetched"):
            fetching()("/tasks/1/resolve/?fileuri=czM6")

    @pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to make a certificate")
    def test_a_presigned_link_needs_no_entry_where_it_is_https_and_public(
        self,
        fake: FakeLabelStudio,
        fetching: Any,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        names(monkeypatch, bucket_example="127.0.0.1")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate(tmp_path, "bucket.example") / "cert.pem"))
        with MediaServer(tmp_path) as server:
            server.files["/a.png?sig=1"] = Served(PICTURE)
            server.files["/a.png"] = Served(PICTURE)
            for query, allowed in (("?sig=1", True), ("", False)):
                location = f"https://bucket.example:{server.port}/a.png{query}"
                fake.fail("status", status=303, headers={"Location": location}, path="/tasks/1/resolve/")
                with pytest.raises(MediaError, match="private address" if allowed else "not fetched"):
                    fetching()("/tasks/1/resolve/?fileuri=czM6")
            # As if loopback were the internet: everything but the check of the address itself.
            monkeypatch.setattr("backend.media_hosts.is_public", lambda _: True)
            location = f"https://bucket.example:{server.port}/a.png?sig=1"
            fake.fail("status", status=303, headers={"Location": location}, path="/tasks/1/resolve/")
            assert fetching()("/tasks/1/resolve/?fileuri=czM6") == PICTURE

    def test_other_redirects_of_label_studio_lead_nowhere_else(
        self, fake: FakeLabelStudio, cdn: MediaServer, fetching: Any
    ) -> None:
        location = f"{cdn.entry}/a.png"
        fake.fail("status", status=302, headers={"Location": location}, path="/data/upload/.*")
        with pytest.raises(MediaError):
            fetching(cdn.entry)("/data/upload/1/a.png")
        assert cdn.asked == []

    @pytest.mark.parametrize(
        ("status", "words"), [(403, r"refuses the file \(403\)"), (404, "no such file"), (500, "500")]
    )
    def test_what_label_studio_says_of_one_file_is_a_reason(
        self, fake: FakeLabelStudio, fetching: Any, status: int, words: str
    ) -> None:
        fake.fail("status", status=status, path="/data/.*", times=9)
        with pytest.raises(MediaError, match=words):
            fetching()("/data/x.png")

    def test_label_studio_that_is_away_is_no_reason_but_an_error(
        self, fake: FakeLabelStudio, fetching: Any
    ) -> None:
        fake.fail("status", status=503, path="/data/.*", times=9)
        with pytest.raises(LabelStudioUnreachable):
            fetching()("/data/x.png")

    def test_a_large_file_of_label_studio_names_the_setting(
        self, fake: FakeLabelStudio, fetching: Any
    ) -> None:
        fake.world.files["/data/big"] = bytes(LIMIT + 1)
        with pytest.raises(MediaError, match="CLEAN_AL_MAX_MEDIA"):
            fetching()("/data/big")


class TestDataURIs:
    @pytest.mark.parametrize(
        ("uri", "content"),
        [
            ("data:image/png;base64,aGVsbG8=", b"hello"),
            ("data:image/png;base64,aGVsbG8", b"hello"),
            ("DATA:;charset=utf-8;BASE64,aGVs\n bG8=", b"hello"),
            ("data:;base64,aGVsbG8%3D", b"hello"),
            ("data:;base64,_-8=", b"\xff\xef"),
            ("data:text/plain,a%20b", b"a b"),
            ("data:,x", b"x"),
        ],
    )
    @pytest.mark.usefixtures("no_network")
    def test_what_stands_in_the_data_is_read_there(self, fetching: Any, uri: str, content: bytes) -> None:
        assert fetching()(uri) == content

    @pytest.mark.parametrize(
        ("uri", "words"),
        [
            ("data:image/png;base64,", "empty"),
            ("data:image/png", "empty"),
            ("data:image/png;base64,a", "broken"),
            ("data:image/png;base64,***", "broken"),
            ("data:image/png;base64,é", "broken"),
            ("data:;base64," + "A" * 20_000, "larger than"),
            ("data:," + "A" * 50_000, "larger than"),
        ],
    )
    def test_a_broken_one_says_so(self, uri: str, words: str) -> None:
        with pytest.raises(MediaError, match=words):
            read_data_uri(uri, LIMIT)
