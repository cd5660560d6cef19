"""Every environment variable of the product, read in this one place.

`SETTINGS` lists them with default and meaning; the README's table and the compose file are checked against it.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlsplit

from backend.errors import SettingsError

Number = TypeVar("Number", int, float)

OCR_ENGINE_GROUP = "layoutlmv3_backend.ocr_engines"
"""Of entry points: a package that has one in this group brings along an OCR engine, under the name of it."""
_OCR_ENGINES = ("auto", "tesseract", "rapidocr")
_DOTTED_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")

_REPORT_NEEDS = {
    "tensorboard": (),
    "mlflow": ("MLFLOW_TRACKING_URI",),
    "wandb": ("WANDB_API_KEY", "WANDB_MODE"),
}
"""By the names of `REPORT_TO` the variables of which one must be set, as the package itself reads them."""

_MISSPELT = 0.9
"""Likeness from which a name counts as misspelt: OCR_LANGUAGE does, LABEL_STUDIO_PORT (of another program) does not."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One environment variable.

    Attributes:
        name: as in the environment.
        default: as text; empty means "not set".
        meaning: one sentence for the README.
        aliases: older or usual names that are accepted too, in this order, after `name`.
    """

    name: str
    default: str
    meaning: str
    aliases: tuple[str, ...] = ()


SETTINGS = (
    Setting("HOST", "0.0.0.0", "address the web server listens on"),
    Setting("PORT", "9090", "port the web server listens on"),
    Setting("DATA_DIR", "data", "folder of model versions, caches and notes"),
    Setting(
        "LABEL_STUDIO_URL",
        "",
        "address of Label Studio as this backend reaches it; empty: the address Label Studio announces in `/setup`",
        ("LABEL_STUDIO_HOST", "LABEL_STUDIO_HOSTNAME"),
    ),
    Setting(
        "LABEL_STUDIO_API_KEY",
        "",
        "access token of Label Studio, personal (JWT) or legacy; needs `LABEL_STUDIO_URL`; empty: the legacy token "
        "that Label Studio sends in `/setup`",
    ),
    Setting(
        "LABEL_STUDIO_TLS_CHECK",
        "true",
        "`false`: believe any certificate of `LABEL_STUDIO_URL`, and let whoever stands in between read the token",
    ),
    Setting("REDIS_URL", "", "Redis for the training queue; empty: `make run` starts its own on a private socket"),
    Setting("REDIS_HOST", "", "host of Redis, where `REDIS_URL` is not set"),
    Setting("REDIS_PORT", "6379", "port of Redis, with `REDIS_HOST`"),
    Setting("RQ_QUEUE_NAME", "training", "name of the training queue"),
    Setting(
        "BASE_MODEL",
        "auto",
        "`auto`, `starter`, a hub id such as `microsoft/layoutlmv3-base`, a folder, or `none`: the fast learner alone",
    ),
    Setting("DEVICE", "auto", "`auto`, `cpu` or `cuda`: where the model runs"),
    Setting("MODEL_MEMORY_MB", "2000", "memory that the loaded models of all projects may take together, in MB"),
    Setting(
        "OCR_ENGINE",
        "auto",
        "`tesseract`, `rapidocr`, `auto` (RapidOCR reads the pages that Tesseract reads badly; English only), or an "
        "engine of your own: the name of an installed one, or `package.module:Engine`",
    ),
    Setting("OCR_LANGUAGES", "eng", "Tesseract languages, joined by `+`; `ocr_languages` of a project comes first"),
    Setting(
        "OCR_PAGE_SEGMENTATION",
        "auto",
        "`auto` or a page segmentation mode of Tesseract (3 to 13)",
    ),
    Setting("OCR_TIMEOUT_S", "60", "longest time OCR may take for a page, in seconds"),
    Setting("MAX_IMAGE_MB", "50", "largest image file, in MB"),
    Setting("MAX_MEGAPIXELS", "100", "largest image, in millions of pixels"),
    Setting("IMAGE_HOSTS", "", "hosts on private addresses that images may be fetched from, separated by commas"),
    Setting("PREDICT_DEADLINE_S", "85", "a prediction request answers what it has after this time, in seconds"),
    Setting(
        "READ_AHEAD_PAGES",
        "20",
        "so many pages that will be opened next are read by OCR while nothing else is to be done; `0` reads none",
    ),
    Setting("MAX_TASKS", "1000", "most tasks in one prediction request"),
    Setting("MAX_BODY_MB", "64", "largest request body, in MB"),
    Setting("BASIC_AUTH_USER", "", "user name that Label Studio must send; empty: no authentication"),
    Setting("BASIC_AUTH_PASS", "", "password for `BASIC_AUTH_USER`"),
    Setting("WEBHOOK_KEY", "", "if set, `/webhook` asks for `?key=<it>` or the basic-auth credentials"),
    Setting(
        "TRAIN_MIN_ANNOTATIONS",
        "5",
        "annotated pages before the first version, and new ones after which the deep learner is fitted again",
    ),
    Setting(
        "TRAIN_QUIET_S",
        "2",
        "the fast learner learns a saved annotation when no other was saved for this long, in seconds",
    ),
    Setting(
        "TRAIN_LONGEST_DELAY_S",
        "300",
        "longest time that a new annotation waits for either learner, in seconds; at least `TRAIN_QUIET_S`",
    ),
    Setting("TRAIN_TIMEOUT_S", "7200", "a run is stopped after this time, in seconds"),
    Setting("TRAIN_STALL_S", "900", "a run that makes no progress for this long is ended and tried again, in seconds"),
    Setting("TRAIN_MAX_TASKS", "5000", "annotated tasks that a run uses at most, the newest; a page takes 0.1 MB"),
    Setting("TRAIN_MAX_STEPS", "0", "most optimizer steps of a run; 0: chosen from the number of pages"),
    Setting(
        "TRAIN_LEAST_READABLE",
        "0.8",
        "share of the annotated pages whose images must be readable for a run, 0 to 1; it goes on without the others",
    ),
    Setting(
        "REPORT_TO",
        "",
        "`tensorboard`, `mlflow`, `wandb`, or several with commas: who is told how the deep learner is fitted; needs "
        "the package, `mlflow` also `MLFLOW_TRACKING_URI`, `wandb` also `WANDB_API_KEY` or `WANDB_MODE`",
    ),
    Setting("RECONCILE_S", "300", "how often Label Studio is asked for changes that no webhook told, in seconds"),
    Setting(
        "LEAST_PRECISION",
        "0.5",
        "of the boxes proposed of a label at least this share is to be right, 0 to 1; `0` proposes all; "
        "`score_threshold` in the labeling configuration comes first",
    ),
    Setting(
        "PRELABEL_AFTER_PROMOTION",
        "false",
        "`true`: a promoted version predicts at once all pages that nobody annotated, and replaces their predictions",
    ),
    Setting("KEEP_VERSIONS", "20", "model versions kept for each project, besides the live one"),
    Setting("LOG_LEVEL", "INFO", "`DEBUG`, `INFO`, `WARNING` or `ERROR`"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process, checked. Names ending in `_s` are seconds, in `_mb` millions of bytes."""

    host: str
    port: int
    data_dir: Path
    label_studio_url: str
    label_studio_api_key: str
    label_studio_tls_check: bool
    redis_url: str
    rq_queue_name: str
    base_model: str
    device: str
    model_memory_mb: int
    ocr_engine: str
    ocr_languages: str
    ocr_page_segmentation: str
    ocr_timeout_s: float
    max_image_mb: int
    max_megapixels: int
    image_hosts: tuple[str, ...]
    predict_deadline_s: float
    read_ahead_pages: int
    max_tasks: int
    max_body_mb: int
    basic_auth_user: str
    basic_auth_pass: str
    webhook_key: str
    train_min_annotations: int
    train_quiet_s: float
    train_longest_delay_s: float
    train_timeout_s: int
    train_stall_s: float
    train_max_tasks: int
    train_max_steps: int
    train_least_readable: float
    report_to: tuple[str, ...]
    reconcile_s: float
    least_precision: float
    prelabel_after_promotion: bool
    keep_versions: int
    log_level: str

    @property
    def fits_deep(self) -> bool:
        """Whether projects get a deep learner beside the fast one."""
        return self.base_model != "none"

    @property
    def embedded_redis_socket(self) -> Path:
        """Socket of the Redis server that the supervisor starts when none is configured."""
        return self.data_dir / "run" / "redis.sock"

    @property
    def queue_url(self) -> str:
        """The Redis that this process talks to: the configured one, else the supervisor's own."""
        return self.redis_url or f"unix://{quote(str(self.embedded_redis_socket))}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment, by default this process's.

    Raises:
        SettingsError: a value cannot be used; the message names the variable and the value.
    """
    read = _Reader(os.environ if environ is None else environ)
    read.refuse_misspelt()
    settings = Settings(
        host=read.text("HOST"),
        port=read.whole("PORT", 0, 65535),
        data_dir=Path(read.text("DATA_DIR")).expanduser().resolve(),
        label_studio_url=read.url("LABEL_STUDIO_URL"),
        label_studio_api_key=read.text("LABEL_STUDIO_API_KEY"),
        label_studio_tls_check=read.choice("LABEL_STUDIO_TLS_CHECK", ("true", "false")) == "true",
        redis_url=read.redis_url(),
        rq_queue_name=read.text("RQ_QUEUE_NAME"),
        base_model=read.text("BASE_MODEL"),
        device=read.choice("DEVICE", ("auto", "cpu", "cuda")),
        model_memory_mb=read.whole("MODEL_MEMORY_MB", 100),
        ocr_engine=read.ocr_engine(),
        ocr_languages=read.text("OCR_LANGUAGES"),
        ocr_page_segmentation=read.choice("OCR_PAGE_SEGMENTATION", ("auto", *map(str, range(3, 14)))),
        ocr_timeout_s=read.number("OCR_TIMEOUT_S", 0.1),
        max_image_mb=read.whole("MAX_IMAGE_MB", 1),
        max_megapixels=read.whole("MAX_MEGAPIXELS", 1),
        image_hosts=read.names("IMAGE_HOSTS"),
        predict_deadline_s=read.number("PREDICT_DEADLINE_S", 1),
        read_ahead_pages=read.whole("READ_AHEAD_PAGES", 0, 1000),
        max_tasks=read.whole("MAX_TASKS", 1),
        max_body_mb=read.whole("MAX_BODY_MB", 1),
        basic_auth_user=read.text("BASIC_AUTH_USER"),
        basic_auth_pass=read.text("BASIC_AUTH_PASS"),
        webhook_key=read.text("WEBHOOK_KEY"),
        train_min_annotations=read.whole("TRAIN_MIN_ANNOTATIONS", 1),
        train_quiet_s=read.number("TRAIN_QUIET_S", 0),
        train_longest_delay_s=read.number("TRAIN_LONGEST_DELAY_S", 0),
        train_timeout_s=read.whole("TRAIN_TIMEOUT_S", 10),
        train_stall_s=read.number("TRAIN_STALL_S", 1),
        train_max_tasks=read.whole("TRAIN_MAX_TASKS", 1),
        train_max_steps=read.whole("TRAIN_MAX_STEPS", 0),
        train_least_readable=read.number("TRAIN_LEAST_READABLE", 0, 1),
        report_to=read.reports(),
        reconcile_s=read.number("RECONCILE_S", 1),
        least_precision=read.number("LEAST_PRECISION", 0, 1),
        prelabel_after_promotion=read.choice("PRELABEL_AFTER_PROMOTION", ("true", "false")) == "true",
        keep_versions=read.whole("KEEP_VERSIONS", 1),
        log_level=read.choice("LOG_LEVEL", ("DEBUG", "INFO", "WARNING", "ERROR")),
    )
    if settings.train_quiet_s > settings.train_longest_delay_s:
        raise _bad(
            "TRAIN_LONGEST_DELAY_S",
            read.text("TRAIN_LONGEST_DELAY_S"),
            f"must not be less than TRAIN_QUIET_S={read.text('TRAIN_QUIET_S')}",
        )
    if bool(settings.basic_auth_user) != bool(settings.basic_auth_pass):
        raise _bad("BASIC_AUTH_USER", "", "and BASIC_AUTH_PASS go together: set both or neither")
    return settings


def _bad(name: str, value: str, expected: str) -> SettingsError:
    shown = f"={value!r}" if value else ""
    return SettingsError("bad_setting", f"{name}{shown} {expected}", f"change {name} in the environment")


class _Reader:
    """Typed access to one environment, by the names of `SETTINGS`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.known = {setting.name: setting for setting in SETTINGS}

    def refuse_misspelt(self) -> None:
        """An unknown variable that all but has the name of a setting would be a setting without effect."""
        names = [name for setting in SETTINGS for name in (setting.name, *setting.aliases)]
        for given in sorted(set(self.environ) - set(names)):
            # The environment is full of other programs' variables: only long names of several words are compared.
            meant = difflib.get_close_matches(given, names, 1, _MISSPELT) if "_" in given and len(given) > 7 else []
            if meant:
                raise SettingsError(
                    "unknown_setting", f"there is no setting {given}; {meant[0]} is meant", f"rename or remove {given}"
                )

    def text(self, name: str) -> str:
        setting = self.known[name]
        for candidate in (name, *setting.aliases):
            value = self.environ.get(candidate, "").strip()
            if value:
                return value
        return setting.default

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        match = {item.lower(): item for item in allowed}.get(value.lower())
        if match is None:
            raise _bad(name, value, f"must be one of {', '.join(allowed)}")
        return match

    def whole(self, name: str, least: int, most: int | None = None) -> int:
        return self._parsed(name, int, "a whole number", least, most)

    def number(self, name: str, least: float, most: float | None = None) -> float:
        return self._parsed(name, float, "a number", least, most)

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip().lower() for part in self.text(name).split(",") if part.strip())

    def reports(self) -> tuple[str, ...]:
        """Those in `REPORT_TO`; each has what its package asks of the environment, so no run waits for a login."""
        found = tuple(dict.fromkeys(self.names("REPORT_TO")))
        for name in found:
            if name not in _REPORT_NEEDS:
                raise _bad("REPORT_TO", self.text("REPORT_TO"), f"may hold {', '.join(_REPORT_NEEDS)}")
            needs = _REPORT_NEEDS[name]
            if needs and not any(self.environ.get(variable, "").strip() for variable in needs):
                raise _bad("REPORT_TO", self.text("REPORT_TO"), f"needs {' or '.join(needs)} for {name}")
        return found

    def url(self, name: str) -> str:
        value = self.text(name)
        if not value:
            return ""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _bad(name, value, "must be an address such as http://localhost:8080")
        return value.rstrip("/")

    def ocr_engine(self) -> str:
        value = self.text("OCR_ENGINE")
        if value.lower() in _OCR_ENGINES:
            return value.lower()
        installed = {point.name for point in entry_points(group=OCR_ENGINE_GROUP)}
        if value in installed or _DOTTED_PATH.fullmatch(value):
            return value
        known = ", ".join((*_OCR_ENGINES, *sorted(installed)))
        raise _bad("OCR_ENGINE", value, f"must be one of {known}, or an engine of your own as package.module:Engine")

    def redis_url(self) -> str:
        value = self.text("REDIS_URL")
        if value:
            if urlsplit(value).scheme not in ("redis", "rediss", "unix"):
                raise _bad("REDIS_URL", "", "must start with redis://, rediss:// or unix://")
            return value
        host = self.text("REDIS_HOST")
        return f"redis://{host}:{self.whole('REDIS_PORT', 1, 65535)}/0" if host else ""

    def _parsed(
        self, name: str, kind: Callable[[str], Number], noun: str, least: Number, most: Number | None
    ) -> Number:
        value = self.text(name)
        try:
            number = kind(value)
        except ValueError:
            raise _bad(name, value, f"must be {noun}") from None
        if not least <= number or (most is not None and number > most):
            limit = f"between {least} and {most}" if most is not None else f"{least} or more"
            raise _bad(name, value, f"must be {limit}")
        return number
