from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from backend.errors import ServiceError
from backend.jobs.changes import note_start, read_changes
from backend.jobs.dispatcher import Dispatcher
from backend.jobs.queue import TrainingQueue, connect
from backend.settings import Settings, load_settings
from backend.supervise.redis_server import RedisServer, find_program
from backend.versions.project import ProjectFolder
from tests.supervise.processes import command_of, is_alive
from tests.waiting import wait_until


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings({"DATA_DIR": str(tmp_path_factory.mktemp("d"))})  # a short path, for the socket


@pytest.fixture
def program() -> str:
    found = find_program()
    if found is None:
        pytest.skip("redis-server is not installed")
    return found


@pytest.fixture
def server(settings: Settings, program: str) -> Iterator[RedisServer]:
    made = RedisServer(settings, program)
    yield made
    made.stop()


def pid_of(server: RedisServer) -> int:
    assert server.pid is not None
    return server.pid


def brought_back(server: RedisServer) -> bool:
    """Whether it answers after one more look: the socket closes before the process has ended."""
    server.look_after()
    return server.answers()


def test_FA01_it_answers_on_a_private_socket_and_no_port(server: RedisServer, settings: Settings) -> None:
    server.start()
    assert server.url == settings.queue_url, "so that web and worker find it by DATA_DIR alone"
    with Redis.from_url(server.url, decode_responses=True) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    socket = settings.embedded_redis_socket
    assert socket.stat().st_mode & 0o077 == 0
    assert socket.parent.stat().st_mode & 0o077 == 0


def test_P11_what_is_queued_outlives_a_kill(server: RedisServer) -> None:
    server.start()
    with Redis.from_url(server.url) as client:
        client.rpush("queue", *range(300))
    os.kill(pid_of(server), signal.SIGKILL)
    wait_until(lambda: not server.answers(), 20, "it is gone")
    wait_until(lambda: brought_back(server), 20, "it answers again")
    with Redis.from_url(server.url) as client:
        assert client.llen("queue") == 300


def test_a_stop_ends_it(server: RedisServer) -> None:
    server.start()
    pid = pid_of(server)
    server.stop()
    assert not is_alive(pid)
    assert not server.answers()


def test_a_server_that_still_answers_is_taken_over_and_ended_in_the_end(
    server: RedisServer, settings: Settings, program: str
) -> None:
    server.start()
    heir = RedisServer(settings, program)
    heir.start()
    assert heir.pid is None
    assert heir.answers()
    heir.stop()
    assert not server.answers()


@pytest.mark.parametrize("file", ["*.incr.aof", "*.base.rdb", "*.manifest"])
def test_FA07_a_damaged_file_is_set_aside_and_the_run_that_waited_is_queued_again(
    server: RedisServer, settings: Settings, file: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.start()
    dispatcher = Dispatcher(settings, TrainingQueue(settings, connect(server.url, patient=False)))
    folder = ProjectFolder(settings.data_dir, 3)
    note_start(folder)
    dispatcher.tick()
    job = read_changes(folder).job
    with Redis.from_url(server.url) as client:
        assert client.exists(f"rq:job:{job}")
        for number in range(100):
            client.set(f"key{number}", "x" * 100)
    server.stop()
    (damaged,) = (settings.data_dir / "redis" / "appendonlydir").glob(file)
    content = bytearray(damaged.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = b"\xff" * min(200, len(content) - middle)
    damaged.write_bytes(content)
    server.start()
    with Redis.from_url(server.url) as client:
        assert client.dbsize() == 0
    (aside,) = settings.data_dir.glob("redis.damaged-*")
    assert list(aside.rglob(file))
    loud = [record for record in caplog.records if record.levelname == "ERROR" and "damaged" in record.message]
    assert len(loud) == 1
    for _ in range(2):
        dispatcher.tick()
    dispatcher.stop()
    with Redis.from_url(server.url) as client:
        assert client.exists(f"rq:job:{job}"), "the note on disk knew of it, and its id stays"


def test_FA07_files_that_are_not_at_fault_stay(server: RedisServer, settings: Settings) -> None:
    server.start()
    with Redis.from_url(server.url) as client:
        client.set("key", "x")
    server.stop()
    in_the_way = settings.embedded_redis_socket
    in_the_way.unlink(missing_ok=True)
    (in_the_way / "folder").mkdir(parents=True)  # where the socket should be
    with pytest.raises(ServiceError):
        server.start()
    assert not list(settings.data_dir.glob("redis.damaged-*"))
    shutil.rmtree(in_the_way)
    server.start()
    with Redis.from_url(server.url) as client:
        assert client.get("key") == b"x"


def test_FA07_a_file_that_was_cut_off_loads_by_itself(server: RedisServer, settings: Settings) -> None:
    server.start()
    with Redis.from_url(server.url) as client:
        for number in range(100):
            client.set(f"key{number}", "x")
    server.stop()
    (log,) = (settings.data_dir / "redis" / "appendonlydir").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-5])
    server.start()
    with Redis.from_url(server.url) as client:
        assert client.dbsize() == 99


def test_a_data_folder_with_a_long_path_gets_a_short_socket_elsewhere(tmp_path: Path, program: str) -> None:
    settings = load_settings({"DATA_DIR": str(tmp_path / ("long" * 30))})
    server = RedisServer(settings, program)
    server.start()
    try:
        assert server.url != settings.queue_url
        socket = Path(server.url.removeprefix("unix://"))
        assert len(os.fsencode(socket)) < 100
        assert socket.parent.stat().st_mode & 0o077 == 0
        assert (settings.data_dir / "redis").is_dir()
    finally:
        server.stop()
    assert not socket.parent.exists()


def test_a_program_that_cannot_serve_is_an_error_with_a_name(settings: Settings) -> None:
    server = RedisServer(settings, "/bin/false")
    with pytest.raises(ServiceError) as raised:
        server.start()
    assert raised.value.code == "queue_down"
    assert str(settings.data_dir) not in raised.value.message + raised.value.hint


def test_it_ends_when_its_supervisor_is_killed(settings: Settings, program: str) -> None:
    script = (
        "import sys, time\n"
        "from backend.settings import load_settings; from backend.supervise.redis_server import RedisServer\n"
        "server = RedisServer(load_settings({'DATA_DIR': sys.argv[1]}), sys.argv[2]); server.start()\n"
        "print(server.pid, flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(settings.data_dir), program]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert "redis" in command_of(pid) or "valkey" in command_of(pid)
        supervisor.kill()
    wait_until(lambda: not is_alive(pid), 20, "the server is gone")
