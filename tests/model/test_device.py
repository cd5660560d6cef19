from collections.abc import Iterator

import pytest
import torch

from backend import cores
from backend.errors import ServiceError
from backend.model import device
from backend.model.device import bf16_pays, choose_device, most_tokens, use_free_cores

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture(autouse=True)
def not_tried_yet() -> Iterator[None]:
    bf16_pays.cache_clear()
    yield
    bf16_pays.cache_clear()


@pytest.mark.parametrize(
    ("in_hardware", "half_seconds", "pays"), [(True, 0.5, True), (True, 2.0, False), (False, 0.5, False)]
)
def test_bfloat16_only_where_it_is_in_the_hardware_and_faster(
    monkeypatch: pytest.MonkeyPatch, in_hardware: bool, half_seconds: float, pays: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: in_hardware)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    seconds = {torch.bfloat16: half_seconds, torch.float32: 1.0}
    monkeypatch.setattr(device, "product_seconds", lambda where, number_format: seconds[number_format])
    assert bf16_pays(CPU) is pays
    with device.mixed_precision(CPU):
        assert torch.is_autocast_enabled("cpu") is pays


def test_trying_takes_next_to_no_time() -> None:
    assert 0 < device.product_seconds(CPU, torch.float32) < 1


def test_threads_are_those_cores_that_ocr_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(cores, "cores", lambda: 3)
    try:
        use_free_cores()
        assert torch.get_num_threads() == 3
        with cores.core_taken():
            use_free_cores()
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_gpus_batch_is_as_large_as_the_memory_that_others_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    free = [10**12]
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda where: (free[0], 10**12))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda where: 3 * device.BYTES_A_TOKEN)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda where: 1 * device.BYTES_A_TOKEN)
    assert most_tokens(CUDA) == device.CUDA_TOKENS
    free[0] = 1000 * device.BYTES_A_TOKEN
    assert most_tokens(CUDA) == 1002
    free[0] = 0
    assert most_tokens(CUDA) == 2


def test_a_gpu_that_is_not_there_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device("auto") == choose_device("cpu") == CPU
    with pytest.raises(ServiceError) as refusal:
        choose_device("cuda")
    assert refusal.value.code == "no_gpu"
