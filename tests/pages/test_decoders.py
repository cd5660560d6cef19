"""Decoding in processes of their own: what a page can cost, and what is left afterwards."""

from __future__ import annotations

import os
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from PIL import Image

from backend.errors import ServiceError, TaskError
from backend.pages import decoders as decoders_module
from backend.pages.decode import FORMATS, decode_image
from backend.pages.decoders import Decoders
from tests.pages.processes import memory_of
from tests.pages.test_decode import png, saved, scene
from tests.supervise.processes import is_alive
from tests.waiting import wait_until

LIMIT = 1_000_000
PAGE = saved(scene(), "PNG")
FAILING = "tests.pages.failing_decoder"

SHARED = Decoders()
"""For tests that leave their decoders as they were."""

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")


@pytest.fixture
def decoders() -> Decoders:
    """Decoders that some files make fail."""
    return Decoders(module=FAILING)


def code_of(decoders: Decoders, data: bytes) -> str:
    with pytest.raises(TaskError) as refusal:
        decoders.decode(data, max_pixels=LIMIT)
    return refusal.value.code


def pids_of(decoders: Decoders) -> list[int]:
    """Those that wait for the next page."""
    return [decoder.pid for waiting in decoders._idle.values() for decoder in waiting]


def is_as_before(decoders: Decoders) -> bool:
    """Whether the next page is decoded."""
    return decoders.decode(PAGE, max_pixels=LIMIT).tobytes() == scene().tobytes()


def made_files() -> dict[str, bytes]:
    """Files of all kinds that need something of their own of the decoders."""
    turned = Image.Exif()
    turned[0x0112] = 6
    two = {"save_all": True, "append_images": [scene().rotate(90)]}
    files = {kind: saved(scene(), kind) for kind in FORMATS}
    files |= {f"{kind} of two": saved(scene(), kind, **two) for kind in ("GIF", "WEBP", "PNG", "TIFF", "MPO")}
    files |= {f"{kind} turned": saved(scene(), kind, exif=turned) for kind in ("JPEG", "PNG", "WEBP")}
    files |= {f"{mode} TIFF": saved(scene().convert(mode), "TIFF") for mode in ("1", "L", "P", "CMYK", "LAB", "YCbCr")}
    files |= {
        f"{packing} TIFF": saved(scene(), "TIFF", compression=packing) for packing in ("tiff_lzw", "tiff_deflate")
    }
    files |= {f"{mode} PNG": saved(scene().convert(mode), "PNG") for mode in ("RGBA", "LA", "P", "1", "I;16")}
    files |= {
        "progressive JPEG": saved(scene(), "JPEG", progressive=True),
        "profile": saved(scene(), "PNG", icc_profile=b"x"),
    }
    files |= {"HTML": b"<html>", "nothing": b"", "PDF": b"%PDF-1.7", "cut": PAGE[:-40], "huge": png(20_000, 20_000)}
    files |= {
        "texts": png(1, 1, (b"zTXt", b"k\0\0" + zlib.compress(bytes(20_000_000))), (b"IDAT", zlib.compress(b"\0\0")))
    }
    return files


@pytest.mark.parametrize("name", made_files())
def test_a_decoder_gives_what_decoding_here_would(name: str) -> None:
    data = made_files()[name]
    try:
        here: Image.Image | tuple[str, str, str] = decode_image(data, max_pixels=LIMIT)
    except TaskError as refusal:
        here = (refusal.code, refusal.message, refusal.hint)

    try:
        there: Image.Image | tuple[str, str, str] = SHARED.decode(data, max_pixels=LIMIT)
    except TaskError as refusal:
        there = (refusal.code, refusal.message, refusal.hint)

    if isinstance(here, Image.Image) and isinstance(there, Image.Image):
        assert (there.mode, there.size, there.tobytes()) == ("RGB", here.size, here.tobytes())
    else:
        assert there == here


def test_damaged_files_are_judged_as_they_would_be_here() -> None:
    dice = random.Random(5)
    for kind in FORMATS * 10:
        data = bytearray(saved(scene(), kind))
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(dice.choice((60, len(data))))] = dice.randrange(256)
        outcomes: list[bytes | str] = []
        for decode in (decode_image, SHARED.decode):
            try:
                outcomes.append(decode(bytes(data), max_pixels=LIMIT).tobytes())
            except TaskError as refusal:
                outcomes.append(refusal.code)
        assert outcomes[0] == outcomes[1], kind


def test_a_page_of_several_bands_arrives_whole() -> None:
    page = Image.effect_noise((1999, 1501), 90).convert("RGB")

    assert SHARED.decode(saved(page, "BMP"), max_pixels=10**7).tobytes() == page.tobytes()


def test_threads_share_decoders_and_no_page_is_mistaken_for_another(decoders: Decoders) -> None:
    pages = [Image.new("RGB", (50 + number, 40), (number, 0, 0)) for number in range(40)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda page: decoders.decode(saved(page, "PNG"), max_pixels=LIMIT), pages))

    assert [page.tobytes() for page in found] == [page.tobytes() for page in pages]
    assert 1 <= len(pids_of(decoders)) <= 8


def test_one_decoder_serves_page_after_page(decoders: Decoders) -> None:
    assert is_as_before(decoders)
    first = pids_of(decoders)
    for _ in range(5):
        assert code_of(decoders, b"<html>") == "image_not_image"
        assert is_as_before(decoders)

    assert pids_of(decoders) == first
    assert len(first) == 1


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [
        (b"crash", "image_decoder_died", "SIGSEGV"),
        (b"exit", "image_decoder_died", "status 0"),
        (b"lie about the size", "image_decoder_died", ""),
        (b"lie without words", "image_decoder_died", ""),
        (b"lie in garbage", "image_decoder_died", ""),
    ],
)
def test_a_decoder_that_is_lost_costs_one_page(
    decoders: Decoders, fault: bytes, code: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(TaskError, match=said) as refusal:
        decoders.decode(fault, max_pixels=LIMIT)

    assert refusal.value.code == code
    assert refusal.value.hint
    assert [vars(record)["code"] for record in caplog.records if "code" in vars(record)] == [code]
    assert is_as_before(decoders)
    assert len(pids_of(decoders)) == 1


def test_a_decoder_that_is_killed_while_it_is_idle_costs_nothing(decoders: Decoders) -> None:
    assert is_as_before(decoders)
    [pid] = pids_of(decoders)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), 10, "it has ended")

    assert is_as_before(decoders)


def test_a_decoder_that_is_killed_at_work_costs_one_page(decoders: Decoders) -> None:
    with ThreadPoolExecutor(1) as pool:
        assert is_as_before(decoders)
        [pid] = pids_of(decoders)
        idle_s = psutil.Process(pid).cpu_times().user
        refused = pool.submit(code_of, decoders, b"spin")
        wait_until(lambda: psutil.Process(pid).cpu_times().user > idle_s + 0.3, 20, "it is at work")
        os.kill(pid, signal.SIGKILL)
        assert refused.result(20) == "image_decoder_died"

    assert is_as_before(decoders)


def test_processor_time_is_bounded() -> None:
    decoders = Decoders(cpu_s=0.2, module=FAILING)

    for _ in range(2):
        started = time.monotonic()
        assert code_of(decoders, b"spin") == "image_decode_timeout"
        assert time.monotonic() - started < 20
    for _ in range(30):  # each page has the time for itself
        assert is_as_before(decoders)


def test_waiting_is_bounded() -> None:
    decoders = Decoders(total_s=2.0, module=FAILING)
    assert is_as_before(decoders)
    [pid] = pids_of(decoders)

    assert code_of(decoders, b"sleep") == "image_decode_timeout"

    assert not is_alive(pid)
    assert is_as_before(decoders)


def test_memory_is_bounded_by_the_largest_page_that_is_allowed(decoders: Decoders) -> None:
    assert code_of(decoders, b"memory") == "image_too_large"
    assert is_as_before(decoders)
    [pid] = pids_of(decoders)
    assert resource.prlimit(pid, resource.RLIMIT_AS)[0] < 600_000_000
    decoders.decode(PAGE, max_pixels=100_000_000)
    assert 2_500_000_000 < resource.prlimit(pid, resource.RLIMIT_AS)[0] < 3_500_000_000


def test_a_defect_is_told_to_the_log_and_costs_one_page(decoders: Decoders, caplog: pytest.LogCaptureFixture) -> None:
    assert code_of(decoders, b"defect") == "image_decoder_failed"

    assert "ZeroDivisionError" in vars(caplog.records[-1])["cause"]
    assert is_as_before(decoders)


def test_a_decoder_can_open_nothing_and_knows_no_secret(decoders: Decoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a-secret")

    with pytest.raises(TaskError) as refusal:
        decoders.decode(b"forbidden", max_pixels=LIMIT)

    # The superuser is allowed any number of processes; what one starts could not even load its libraries.
    assert set(refusal.value.message.split()) <= ({"start"} if os.geteuid() == 0 else set())
    assert set(refusal.value.hint.split()) <= {*decoders_module.ENVIRONMENT, "OMP_WAIT_POLICY", "LC_CTYPE"}
    [pid] = pids_of(decoders)
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NPROC):
        assert resource.prlimit(pid, kind) == (0, 0)


def test_an_idle_decoder_is_small() -> None:
    assert SHARED.decode(PAGE, max_pixels=LIMIT)
    [pid, *_] = pids_of(SHARED)

    assert memory_of(pid, "VmRSS") < 100_000_000
    assert not {"torch", "onnxruntime", "cv2"} & set(re.split(r"[/\s]", maps_of(pid)))


def maps_of(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text(encoding="utf-8")


def test_decoders_end_when_nobody_holds_them() -> None:
    decoders = Decoders(module=FAILING)
    assert is_as_before(decoders)
    [pid] = pids_of(decoders)

    del decoders

    wait_until(lambda: not is_alive(pid), 10, "it has ended")


def test_an_idle_decoder_ends_by_itself() -> None:
    ours, theirs = socket.socketpair()
    script = "from backend.pages import decoder_process as one; one.IDLE_S = 0.1; one.main()"
    with theirs:
        process = subprocess.Popen([sys.executable, "-c", script], stdin=theirs)
    with ours:
        assert process.wait(20) == 0


def test_a_decoder_that_ends_just_when_a_page_comes_costs_nothing(decoders: Decoders) -> None:
    assert is_as_before(decoders)
    [decoder] = decoders._idle[0]
    decoder.runs = lambda: True  # type: ignore[method-assign] # as it was a moment before
    decoder._channel.shutdown(socket.SHUT_WR)
    assert decoder._process.wait(10) == 0

    assert is_as_before(decoders)


def test_a_decoder_that_does_not_start_is_no_fault_of_the_page() -> None:
    with pytest.raises(ServiceError) as failure:
        Decoders(module="backend.pages.no_such_module").decode(PAGE, max_pixels=LIMIT)

    assert failure.value.code == "decoder_not_started"
    assert "status 1" in failure.value.message


def test_a_page_read_ahead_is_decoded_at_low_priority_and_others_are_not(decoders: Decoders) -> None:
    def decode_kindly() -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        decoders.decode(PAGE, max_pixels=LIMIT)

    thread = threading.Thread(target=decode_kindly)
    thread.start()
    thread.join(20)
    decoders.decode(PAGE, max_pixels=LIMIT)

    assert sorted(os.getpriority(os.PRIO_PROCESS, pid) for pid in pids_of(decoders)) == [0, 10]


@pytest.mark.parametrize("at_work", [False, True])
def test_P11_decoders_end_with_their_parent_even_when_it_is_killed(at_work: bool) -> None:
    script = (
        "import threading, time; from backend.pages.decoders import Decoders\n"
        f"from tests.pages.test_decode import saved, scene\n"
        f"decoders = Decoders(module={FAILING!r})\n"
        # Started by a thread that ends, as a request's do: that must not end the decoder.
        "def decode(data): decoders.decode(data, max_pixels=10**6)\n"
        "one = threading.Thread(target=decode, args=(saved(scene(), 'PNG'),)); one.start(); one.join()\n"
        "time.sleep(0.2); [decoder] = decoders._idle[0]; assert decoder.runs()\n"
        "print(decoder.pid, flush=True)\n" + ("decode(b'spin')\n" if at_work else "time.sleep(60)\n")
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if at_work:
            wait_until(lambda: is_busy(pid), 20, "it decodes")
        assert is_alive(pid)
        parent.kill()
    wait_until(lambda: not is_alive(pid), 20, "the decoder is gone")


def is_busy(pid: int) -> bool:
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(")")[2].split()[0] == "R"
