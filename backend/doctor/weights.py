"""The base model that training starts from: which one, under which licence, and whether it is here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import HfApi

from backend.doctor.causes import finding, passed
from backend.doctor.finding import Finding, Level
from backend.errors import ServiceError
from backend.model.base_models import BaseModel, choose_base_model, installed_text_model
from backend.settings import Settings

CHECK = "Base model"
HUB_TIMEOUT_S = 5.0
GPU_DRIVER = Path("/dev/nvidiactl")
"""There where a GPU can be used; asking torch takes seconds and hundreds of megabytes."""


def ask_hub(name: str) -> object:
    """What the model hub knows of a model; raises where it does not answer or has none of that name."""
    return HfApi().model_info(name, timeout=HUB_TIMEOUT_S)


def examine_weights(settings: Settings, ask_hub: Callable[[str], object] = ask_hub) -> Finding:
    """A look at the base model of `BASE_MODEL`, without a download."""
    tried = f"looked for BASE_MODEL={settings.base_model} on this machine"
    has_gpu = settings.device != "cpu" and GPU_DRIVER.exists()
    try:
        base = choose_base_model(settings.base_model, has_gpu=has_gpu, download=False)
    except ServiceError as error:
        return finding(Level.FAILED, "weights_missing", CHECK, tried, error.message)
    told = f"{base.name}, licence {base.licence} ({base.reason})"
    if base.is_starter and installed_text_model() is None:
        return finding(Level.WARNING, "weights_random", CHECK, tried, told)
    if not base.is_used or base.is_starter or base.folder is not None:
        return passed(CHECK, tried, told)
    return _of_hub(base, ask_hub, tried, needed=settings.base_model != "auto")


def _of_hub(base: BaseModel, ask_hub: Callable[[str], object], tried: str, *, needed: bool) -> Finding:
    """A model that is in no folder here.

    Args:
        needed: nothing else is trained in its place.
    """
    asked = f"{tried}, then asked the model hub for it"
    missing = Level.FAILED if needed else Level.WARNING
    try:
        ask_hub(base.name)
    except (HTTPError, OSError) as error:
        found = f"{base.name} is not here, and the hub does not give it ({type(error).__name__})"
        return finding(missing, "weights_missing", CHECK, asked, found)
    told = f"{base.name}, licence {base.licence}, is not here yet; the hub has it"
    return finding(Level.WARNING, "weights_not_here", CHECK, asked, told, name=base.name)
