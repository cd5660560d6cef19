"""The extra params of a connected backend: what its project asks of this backend, besides the labeling configuration.

Label Studio sends them with `/setup`: an object when they were set through its API, the text of a form when somebody
typed them.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.document.ocr_choice import OcrChoice
from backend.errors import ConfigError
from backend.label_studio.config import LabelingConfig
from backend.label_studio.ocr_attributes import ENGINE, LANGUAGES, checked_ocr

THRESHOLD = "score_threshold"
KEYS = (ENGINE, LANGUAGES, THRESHOLD)
_MISSPELT = 0.8
"""Likeness from which an unknown key counts as misspelt; others are of another program's and are told of only."""
_EXAMPLE = '{"ocr_languages": "deu+eng"}'


@dataclass(frozen=True, slots=True)
class ExtraParams:
    """What the extra params of a project say; empty or None where they say nothing.

    Attributes:
        score_threshold: least score, 0 to 1, of the labels for which the labeling configuration states none.
        unknown: keys that mean nothing here.
    """

    ocr_engine: str = ""
    ocr_languages: str = ""
    score_threshold: float | None = None
    unknown: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The keys that say something, as `parse_extra_params` takes them."""
        stated = {ENGINE: self.ocr_engine, LANGUAGES: self.ocr_languages, THRESHOLD: self.score_threshold}
        return {name: value for name, value in stated.items() if value not in ("", None)}


def parse_extra_params(sent: object) -> ExtraParams:
    """The extra params of `/setup`, in either form; nothing, an empty text and an empty object say nothing.

    Raises:
        ConfigError: `extra_params`: no JSON object, a misspelt key, or a value that cannot be used; `config_ocr`.
    """
    content = _as_object(sent)
    unknown = tuple(sorted(set(content) - set(KEYS)))
    for name in unknown:
        if meant := difflib.get_close_matches(name, KEYS, 1, _MISSPELT):
            raise _bad(
                f"there is no extra param {name[:60]!r}; {meant[0]!r} is meant", f"rename or remove {name[:60]!r}"
            )
    return ExtraParams(
        ocr_engine=_text(content, ENGINE),
        ocr_languages=_text(content, LANGUAGES),
        score_threshold=_share(content),
        unknown=unknown,
    )


def steered(config: LabelingConfig, extra: ExtraParams) -> LabelingConfig:
    """The configuration of a project with what its extra params add; what its tags state goes before them."""
    labels = tuple(
        replace(label, score_threshold=extra.score_threshold) if label.score_threshold is None else label
        for label in config.labels
    )
    return replace(
        config,
        labels=labels,
        ocr_engine=config.ocr_engine or extra.ocr_engine,
        ocr_languages=config.ocr_languages or extra.ocr_languages,
    )


def ocr_choice(config: LabelingConfig, otherwise: OcrChoice) -> OcrChoice:
    """The OCR of a project: what its steered configuration states, otherwise that of the settings."""
    return OcrChoice(config.ocr_engine or otherwise.engine, config.ocr_languages or otherwise.languages)


def _as_object(sent: object) -> Mapping[str, Any]:
    if isinstance(sent, str):
        shown = sent.strip()[:60]
        try:
            sent = json.loads(sent) if sent.strip() else None
        except ValueError:
            raise _bad(f"the extra params {shown!r} are no JSON", f"write an object such as {_EXAMPLE}") from None
    if sent is None:
        return {}
    if not isinstance(sent, dict):
        raise _bad(f"the extra params are no JSON object but a {type(sent).__name__}", f"write one such as {_EXAMPLE}")
    return sent


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _bad(f"the extra param {name}={json.dumps(value)[:60]} is no text", f"write one such as {_EXAMPLE}")
    return checked_ocr(name, value.strip(), "of the extra params") if value.strip() else ""


def _share(content: Mapping[str, Any]) -> float | None:
    value = content.get(THRESHOLD)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise _bad(
            f"the extra param {THRESHOLD}={json.dumps(value)[:60]} is no number from 0 to 1",
            f'write a share such as {{"{THRESHOLD}": 0.6}}',
        )
    return float(value)


def _bad(message: str, hint: str) -> ConfigError:
    return ConfigError("extra_params", message, hint)
