"""Memory that is short and GPUs that fail (rows FA30, FA31, FA33).

The machine's memory is really short here. There is no GPU to break: what torch raises for one is injected.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from backend.document.label_set import LabelSet
from backend.errors import OutOfMemory, ServiceError
from backend.model import classifier as classifier_module
from backend.model import device as device_module
from backend.model import faults, folders
from backend.model.classifier import WordClassifier
from backend.model.device import copy_on_cpu
from backend.model.faults import device_name, is_gpu_failure, is_memory_short, working
from backend.model.folders import load_base, load_classifier, save_classifier
from tests.pages_of_words import page_of_rows
from tests.tiny_model import save_tiny_base

LABELS = LabelSet(("question", "answer"))
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
PAGES = [page_of_rows(["word"] * words, ["date", "total"]) for words in range(1, 6)]
REPOSITORY = Path(__file__).parents[2]

Forward = Callable[..., Any]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The folder of a version."""
    torch.manual_seed(1)
    base = save_tiny_base(tmp_path / "base")
    (tmp_path / "version").mkdir()
    save_classifier(WordClassifier(*load_base(base, LABELS), LABELS, CPU), tmp_path / "version")
    return tmp_path / "version"


@pytest.fixture
def classifier(saved: Path) -> WordClassifier:
    return load_classifier(saved, LABELS, CPU)


@pytest.fixture
def no_failures(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(faults, "_failed", set())
    device_module.bf16_pays.cache_clear()
    yield
    device_module.bf16_pays.cache_clear()


@pytest.fixture
def on_gpu(classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch, no_failures: None) -> WordClassifier:
    """The classifier as if its model were on a GPU; the computation itself is the CPU's."""
    real_inputs = classifier_module.model_inputs
    monkeypatch.setattr(classifier_module, "model_inputs", lambda batch, device: real_inputs(batch, CPU))
    monkeypatch.setattr(classifier_module, "most_tokens", lambda device: 4096 if device == CUDA else 1024)
    monkeypatch.setattr(classifier_module, "mixed_precision", lambda device: device_module.mixed_precision(CPU))
    classifier.device = CUDA
    return classifier


def fail(
    model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch, error: Callable[[int], Exception | None]
) -> list[int]:
    """Makes a model fail for batches of a size for which `error` gives something; the sizes that were tried."""
    tried: list[int] = []
    really = model.forward

    def forward(**inputs: torch.Tensor) -> Any:
        tried.append(len(inputs["input_ids"]))
        if fault := error(tried[-1]):
            raise fault
        return really(**inputs)

    monkeypatch.setattr(model, "forward", forward)
    return tried


def assert_same(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


SHORT_OF_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
import torch
from backend.document.label_set import LabelSet
from backend.model.folders import load_classifier
from backend.model.classifier import WordClassifier
from tests.model.test_faults import LABELS, PAGES

torch.set_num_threads(1)
classifier = load_classifier(Path(sys.argv[1]), LABELS, torch.device("cpu"))
windows = classifier.encoder.encode(PAGES[-1]) * 2500
expected = classifier.compute(windows[:1])[0]
tried = []
really = classifier._compute
def noting(model, device, windows):
    tried.append(len(windows))
    return really(model, device, windows)
classifier._compute = noting
in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (in_use + 60_000_000, resource.RLIM_INFINITY))
found = classifier.compute(windows)
assert len(found) == 2500
assert all(np.allclose(one, expected, atol=0.02) for one in found)
print("halved", max(tried), min(tried))
"""


def test_FA30_a_batch_is_halved_until_the_memory_of_the_machine_is_enough(saved: Path) -> None:
    """With a true limit on the memory of a process, which survives."""
    ended = subprocess.run(
        [sys.executable, "-c", SHORT_OF_MEMORY, str(saved)],
        cwd=REPOSITORY,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    halved, most, least = ended.stdout.split()
    assert (halved, most) == ("halved", "2500")
    assert int(least) < 2500


def test_FA30_what_is_too_large_by_itself_is_out_of_memory(
    classifier: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def forward(**inputs: torch.Tensor) -> Any:
        tried.append(len(inputs["input_ids"]))
        torch.empty(1 << 50)  # more than any machine has

    monkeypatch.setattr(classifier.model, "forward", forward)
    with pytest.raises(OutOfMemory) as refusal:
        classifier.probabilities(PAGES)
    assert (refusal.value.code, refusal.value.http_status) == ("out_of_memory", 200)
    assert tried[-1] == 1


def test_FA31_a_full_gpu_gets_half_the_batch(on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch) -> None:
    given_back: list[None] = []
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: given_back.append(None))
    on_gpu.device = CPU
    expected = on_gpu.probabilities(PAGES)
    on_gpu.device = CUDA
    tried = fail(
        on_gpu.model, monkeypatch, lambda size: torch.OutOfMemoryError("CUDA out of memory") if size > 2 else None
    )
    assert_same(on_gpu.probabilities(PAGES), expected)
    assert (max(tried), min(tried)) == (len(PAGES), 1)
    assert given_back
    assert on_gpu.device == CUDA


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        torch.AcceleratorError("CUDA error: out of memory"),
    ],
)
def test_FA31_without_room_for_a_single_page_the_cpu_computes_this_request(
    on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    on_gpu.device = CPU
    expected = on_gpu.probabilities(PAGES)
    on_gpu.device = CUDA
    full = [True]
    model = on_gpu.model
    copies: list[PreTrainedModel] = []

    def copied(original: PreTrainedModel) -> PreTrainedModel:
        copies.append(copy_on_cpu(original))
        del copies[-1].__dict__["forward"]  # the fault is the GPU's
        return copies[-1]

    monkeypatch.setattr(classifier_module, "copy_on_cpu", copied)
    fail(model, monkeypatch, lambda size: error if full[0] else None)
    assert_same(on_gpu.probabilities(PAGES), expected)
    assert copies
    (line,) = {record.__dict__["code"] for record in caplog.records if record.levelno >= logging.WARNING}
    assert line == "gpu_out_of_memory"
    # For this request only: the next one goes to the GPU again.
    full[0] = False
    assert (on_gpu.device, on_gpu.model, working(CUDA)) == (CUDA, model, CUDA)
    made = len(copies)
    assert_same(on_gpu.probabilities(PAGES), expected)
    assert len(copies) == made


def test_a_copy_on_the_cpu_shares_nothing_and_computes_the_same(classifier: WordClassifier) -> None:
    copied = copy_on_cpu(classifier.model)
    for (name, one), other in zip(classifier.model.named_parameters(), copied.parameters(), strict=True):
        assert one is not other, name
    again = WordClassifier(copied, classifier.encoder, LABELS, CPU)
    assert_same(again.probabilities(PAGES), classifier.probabilities(PAGES))


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be"),
        torch.AcceleratorError("CUDA error: uncorrectable ECC error encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    ],
)
def test_FA33_a_gpu_that_fails_is_replaced_by_the_cpu_in_the_same_request(
    on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    on_gpu.device = CPU
    expected = on_gpu.probabilities(PAGES)
    on_gpu.device = CUDA
    assert device_name(CUDA) == "cuda"
    gpu_model = on_gpu.model
    tried = fail(gpu_model, monkeypatch, lambda size: error)
    assert_same(on_gpu.probabilities(PAGES), expected)
    assert_same(on_gpu.probabilities(PAGES), expected)
    assert len(tried) == 1  # it is not asked again
    assert on_gpu.model is not gpu_model
    assert (on_gpu.device, working(CUDA), device_name(CUDA)) == (CPU, CPU, "cpu (gpu error)")
    (line,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.__dict__["code"] == "gpu_error"
    assert "\n" not in line.__dict__["cause"]


def test_FA33_a_gpu_that_fails_while_its_memory_is_asked_for_is_replaced_too(
    on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def most_tokens(device: torch.device) -> int:
        if device == CUDA:
            raise torch.AcceleratorError("CUDA error: device is gone")
        return 1024

    monkeypatch.setattr(classifier_module, "most_tokens", most_tokens)
    assert [len(found) for found in on_gpu.probabilities(PAGES)] == [len(page.words) for page in PAGES]
    assert on_gpu.device == CPU


def test_FA33_a_version_that_is_loaded_after_the_gpu_failed_is_loaded_on_the_cpu(
    saved: Path, monkeypatch: pytest.MonkeyPatch, no_failures: None
) -> None:
    def to_gpu(self: PreTrainedModel, where: object) -> PreTrainedModel:
        if where == CUDA:
            raise torch.AcceleratorError("CUDA error: unknown error")
        return self

    monkeypatch.setattr(folders, "bf16_pays", lambda device: False)
    monkeypatch.setattr(folders, "use_fastest_attention", lambda model, device: model)
    monkeypatch.setattr(PreTrainedModel, "to", to_gpu)
    assert load_classifier(saved, LABELS, CUDA).device == CPU
    assert device_name(CUDA) == "cpu (gpu error)"
    assert load_classifier(saved, LABELS, CUDA).device == CPU


def test_FA33_without_the_files_of_the_model_it_is_told_what_to_do(
    on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = WordClassifier(on_gpu.model, on_gpu.encoder, LABELS, CPU)  # of no version yet
    fitted.device = CUDA
    fail(fitted.model, monkeypatch, lambda size: torch.AcceleratorError("CUDA error: unknown error"))
    with pytest.raises(ServiceError) as refusal:
        fitted.probabilities(PAGES)
    assert refusal.value.code == "gpu_error"
    assert "DEVICE=cpu" in refusal.value.hint


def test_a_defect_is_neither_short_memory_nor_a_failed_gpu(
    on_gpu: WordClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    defect = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    assert not is_memory_short(defect)
    assert not is_gpu_failure(defect)
    fail(on_gpu.model, monkeypatch, lambda size: defect)
    with pytest.raises(RuntimeError, match="mat1"):
        on_gpu.probabilities(PAGES)
    assert working(CUDA) == CUDA
