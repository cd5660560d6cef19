"""OCR engine and languages as attributes of tags and as extra params say them: `ocr_engine`, `ocr_languages`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element

from backend.errors import ConfigError

ENGINE, LANGUAGES = "ocr_engine", "ocr_languages"

_LANGUAGE = r"[A-Za-z][A-Za-z0-9_]*(/[A-Za-z][A-Za-z0-9_]*)?"
_LANGUAGES = re.compile(rf"{_LANGUAGE}(\+{_LANGUAGE})*")
# No colon: a dotted path makes this process import whatever it names, which is for whoever sets the environment.
_ENGINE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def ocr_attribute(name: str, tags: Sequence[Element]) -> str:
    """What the first of the tags that has the attribute says; empty where none has it.

    Raises:
        ConfigError: `config_ocr`: the value cannot be one.
    """
    for tag in tags:
        stated = tag.get(name, "").strip()
        if stated:
            return checked_ocr(name, stated, f'of the {tag.tag} tag "{tag.get("name", "")}"')
    return ""


def checked_ocr(name: str, value: str, where: str) -> str:
    """A value of `ocr_engine` or `ocr_languages` that has the form of one; whether it is installed is asked elsewhere.

    Args:
        where: what states it, for the message.

    Raises:
        ConfigError: `config_ocr`.
    """
    if name == ENGINE and not _ENGINE.fullmatch(value):
        raise ConfigError(
            "config_ocr",
            f'{ENGINE}="{value[:60]}" {where} is no name of an OCR engine',
            "write auto, tesseract, rapidocr or the name of an installed engine; "
            "a dotted path is for the setting OCR_ENGINE only",
        )
    if name == LANGUAGES and not _LANGUAGES.fullmatch(value):
        raise ConfigError(
            "config_ocr",
            f'{LANGUAGES}="{value[:60]}" {where} is no list of languages',
            f'write Tesseract\'s names joined by +, such as {LANGUAGES}="deu+eng"',
        )
    return value
