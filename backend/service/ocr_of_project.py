"""Whether the OCR that a project asks for is there, told while somebody connects it or opens its Model page."""

from __future__ import annotations

from backend.document.ocr_choice import OcrChoice
from backend.errors import ConfigError
from backend.label_studio.config import LabelingConfig
from backend.label_studio.extra_params import ExtraParams, ocr_choice
from backend.ocr.installed import ocr_lacks
from backend.settings import Settings


def ocr_warnings(settings: Settings, config: LabelingConfig, extra: ExtraParams) -> list[str]:
    """A sentence for each thing that the OCR of the settings lacks here, and for extra params that mean nothing.

    Args:
        config: the project's, with its extra params.

    Raises:
        ConfigError: `ocr_language`: the project itself asks for an engine or a language that is not installed. Label
            Studio shows this while it connects the backend, and shows a warning nowhere.
    """
    warnings = [f"the extra param {name!r} means nothing to this backend" for name in extra.unknown]
    otherwise = OcrChoice(settings.ocr_engine, settings.ocr_languages)
    choice = ocr_choice(config, otherwise)
    lacks = ocr_lacks(choice.engine, choice.languages)
    if lacks and choice != otherwise:
        raise ConfigError(
            "ocr_language",
            "; ".join(lacks),
            f"the project asks for the OCR engine {choice.engine} with {choice.languages}: install what is missing "
            "where the backend runs, or change ocr_engine and ocr_languages of the project",
        )
    return warnings + lacks
