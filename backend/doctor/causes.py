"""Every cause that a finding can name, with what it means and what to do about it; docs/DOCTOR.md shows this table."""

from __future__ import annotations

from dataclasses import dataclass

from backend.doctor.finding import Finding, Level


@dataclass(frozen=True, slots=True)
class Cause:
    """What a code stands for.

    Attributes:
        remedy: what to do; names in braces are filled in by the finding, which may know better and say something else.
    """

    meaning: str
    remedy: str


CAUSES = {
    # This machine
    "redis_down": Cause(
        "the Redis of `REDIS_URL` does not answer: nothing is trained until it does",
        "start that Redis, or correct REDIS_URL (REDIS_HOST, REDIS_PORT); without it the backend runs one of its own",
    ),
    "redis_missing": Cause(
        "the backend runs, but found no `redis-server` to start: it predicts and never trains",
        "apt-get install redis-server and start the backend again, or set REDIS_URL",
    ),
    "redis_read_only": Cause(
        "Redis answers and refuses to write: its disk or memory is full, or it is a replica",
        "free space for Redis, or let REDIS_URL name the primary",
    ),
    "backend_not_running": Cause(
        "no backend runs with this `DATA_DIR`, and so neither its Redis nor its worker",
        "start it with `make run`, or give this command the DATA_DIR and REDIS_URL of the one that runs",
    ),
    "worker_down": Cause(
        "no worker takes training runs from the queue: annotations are noted and wait",
        "start one: `make run` does, or `python -m backend worker`; its log says why it ended; "
        "RQ_QUEUE_NAME must be the same",
    ),
    "ocr_missing": Cause(
        "the program that reads the pages is not installed or does not start",
        "apt-get install tesseract-ocr; the container image holds it",
    ),
    "ocr_language_missing": Cause(
        "a language of `OCR_LANGUAGES`, or of a project's labeling configuration, is not installed",
        "apt-get install {package}, in containers OCR_PACKAGES={package} and build again; or take another language",
    ),
    "ocr_setting": Cause(
        "there is no engine of that name, or it does not read that language",
        "OCR_ENGINE=auto or tesseract reads every language that is installed; docs/OCR.md says how to add an engine",
    ),
    "weights_missing": Cause(
        "the base model of `BASE_MODEL` is not on this machine and cannot be had: the deep learner cannot be trained",
        "set BASE_MODEL=starter, which needs no download, or to a folder that holds config.json, model.safetensors "
        "and tokenizer.json",
    ),
    "weights_not_here": Cause(
        "the base model is not on this machine yet, and the hub has it",
        "nothing: the first training run downloads it; to have it before, `huggingface-cli download {name}`",
    ),
    "weights_random": Cause(
        "the starter lacks its pre-trained text weights and starts from random ones: it learns less from few pages",
        "pip install -r requirements.txt, into the environment that the backend runs in",
    ),
    "data_dir_missing": Cause(
        "`DATA_DIR` is not there: no backend ran with it yet",
        "start the backend, or give this command the DATA_DIR of the one that runs",
    ),
    "data_dir_read_only": Cause(
        "`DATA_DIR` cannot be written: nothing is noted or trained",
        "give the user that the backend runs as the right to write there, or set DATA_DIR to a folder of its own",
    ),
    "disk_full": Cause(
        "hardly anything is free on the disk of `DATA_DIR`: training is refused",
        "free some space, lower KEEP_VERSIONS, or set DATA_DIR to another disk",
    ),
    "disk_low": Cause(
        "little is free on the disk of `DATA_DIR`: a base-size model and its checkpoint take about 2 GB",
        "free some space soon, or lower KEEP_VERSIONS",
    ),
    # Label Studio
    "label_studio_unknown": Cause(
        "nobody said where Label Studio is: `LABEL_STUDIO_URL` is empty and no project has called `/setup`",
        "set LABEL_STUDIO_URL to Label Studio as this backend reaches it, and LABEL_STUDIO_API_KEY",
    ),
    "label_studio_unreachable": Cause(
        "nothing answers at the address of Label Studio",
        "correct LABEL_STUDIO_URL: Label Studio as this machine reaches it. In a container localhost is the container: "
        "http://host.docker.internal:8080 or the service's name",
    ),
    "label_studio_wrong": Cause(
        "something answers at the address of Label Studio, and it is not Label Studio",
        "correct LABEL_STUDIO_URL: scheme, host, port and path as in the browser's address bar, without /projects",
    ),
    "key_unused": Cause(
        "`LABEL_STUDIO_API_KEY` is set without `LABEL_STUDIO_URL`, and so is sent nowhere",
        "set LABEL_STUDIO_URL too",
    ),
    "token_missing": Cause(
        "there is no token for Label Studio: neither images nor annotations can be read",
        "set LABEL_STUDIO_API_KEY to a personal access token (Account & Settings > Personal Access Token), "
        "and LABEL_STUDIO_URL",
    ),
    "token_legacy_disabled": Cause(
        "the token is a legacy one, and this Label Studio has legacy tokens disabled, which is its default",
        "set LABEL_STUDIO_API_KEY to a personal access token (Account & Settings > Personal Access Token), or let an "
        "administrator allow legacy tokens under Organization > API Tokens Settings",
    ),
    "token_wrong": Cause(
        "Label Studio does not know the token, or it was revoked",
        "make a new one in this Label Studio (Account & Settings > Personal Access Token) and set LABEL_STUDIO_API_KEY "
        "to the whole of it",
    ),
    "token_forbidden": Cause(
        "the token is good, and its user may not see or change this project",
        "take the token of a user who may: LABEL_STUDIO_API_KEY",
    ),
    "label_studio_fault": Cause(
        "Label Studio answers a question with an error of its own",
        "look into Label Studio's log and try again",
    ),
    # The way back
    "project_unknown": Cause(
        "no project has called this backend yet",
        "connect one: project > Settings > Model > Connect Model; or name one: --project N",
    ),
    "project_missing": Cause(
        "this Label Studio has no such project, or the token's user may not see it",
        "correct the number (it stands in the browser's address: /projects/N), or LABEL_STUDIO_URL",
    ),
    "not_connected": Cause(
        "no backend is connected to the project",
        "project > Settings > Model > Connect Model, with the address of this backend as Label Studio reaches it",
    ),
    "connect_blocked": Cause(
        "Label Studio would refuse to connect this backend: its address is local or private",
        "start Label Studio with LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false and "
        "LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false",
    ),
    "other_backend": Cause(
        "what answers at the connected address is an ML backend of another kind",
        "project > Settings > Model > Edit: the address of this backend",
    ),
    "backend_url_wrong": Cause(
        "Label Studio does not reach the backend at the address it was connected with, and neither does this machine",
        "project > Settings > Model > Edit: the address that this backend listens on (HOST, PORT), and start the "
        "backend",
    ),
    "backend_url_one_sided": Cause(
        "this machine reaches the backend at its connected address, and Label Studio does not",
        "project > Settings > Model > Edit: an address that the machine of Label Studio reaches. In a container "
        "localhost is the container: take host.docker.internal or the machine's name; see to HOST and the firewall",
    ),
    "backend_down": Cause(
        "the backend answers `/health` with 503: it cannot predict anything",
        "see what is said of this machine: OCR, disk, base model; else the backend's log",
    ),
    "basic_auth_missing": Cause(
        "the backend asks for a user name and a password (`BASIC_AUTH_USER`), and was connected without",
        "project > Settings > Model > Edit: Basic Authentication, with BASIC_AUTH_USER and BASIC_AUTH_PASS",
    ),
    "basic_auth_wrong": Cause(
        "Label Studio sends the backend another user name or password than it asks for",
        "project > Settings > Model > Edit: user name and password as in BASIC_AUTH_USER and BASIC_AUTH_PASS",
    ),
    "setup_refused": Cause(
        "Label Studio reaches the backend, and the backend refuses the project; mostly its labeling configuration",
        "see what is said of the labeling configuration; else the backend's log",
    ),
    "webhook_missing": Cause(
        "the project has no webhook to the backend: it hears of no annotation, and learns late",
        "`python -m backend doctor --project {project} --fix` makes it; by hand: project > Settings > Webhooks, "
        "{url}",
    ),
    "webhook_url_invalid": Cause(
        "Label Studio does not take the webhook's address for valid: its host name has no dot, or an underscore",
        "connect the backend anew under localhost, an address, or a name with a dot such as ml-backend.internal",
    ),
    "webhook_blocked": Cause(
        "Label Studio sends nothing to the backend's address, because it is local or private",
        "start Label Studio with LABEL_STUDIO_SSRF_PROTECTION_ENABLED=false (and "
        "LABEL_STUDIO_ML_BLOCK_LOCAL_IP=false), then run this with --fix",
    ),
    "webhook_unresolved": Cause(
        "Label Studio cannot resolve the host name in the backend's address",
        "connect the backend anew under a name that the machine of Label Studio knows, or an address",
    ),
    "webhook_off": Cause(
        "the webhook is there and does not send what the backend needs: off, without payload, or for few actions",
        "`python -m backend doctor --project {project} --fix` repairs it; by hand: project > Settings > Webhooks: "
        "active, Send payload, Send for all actions",
    ),
    "webhook_refused": Cause(
        "the backend, or a proxy before it, refuses the webhook for want of a password: Label Studio sends none with "
        "events",
        "`python -m backend doctor --project {project} --fix` gives the webhook what is asked for; by hand: project > "
        "Settings > Webhooks: append ?key=<WEBHOOK_KEY> to the address, or a header Authorization",
    ),
    "webhook_failed": Cause(
        "the webhook's address does not answer as this backend does",
        "connect the backend anew under the address that leads to it; a proxy must let POST /webhook through",
    ),
    "webhook_not_fixed": Cause(
        "Label Studio refused to make or change the webhook",
        "do it by hand, as a user who may: project > Settings > Webhooks, {url}",
    ),
    # The project
    "config_wrong": Cause(
        "the labeling configuration cannot be served",
        "change the labeling configuration as it says; label_configs/ has some to start from",
    ),
    "config_empty": Cause(
        "the project has no labels yet",
        "project > Settings > Labeling Interface; label_configs/ has some to start from",
    ),
    "config_warning": Cause(
        "the labeling configuration is served in a way that may not be meant",
        "change the labeling configuration, if it is not",
    ),
    "no_tasks": Cause(
        "the project has no task whose image could be tried",
        "import pages",
    ),
    "task_wrong": Cause(
        "a task's data does not hold what the labeling configuration names",
        "import the task with that key, or change value of the Image tag",
    ),
    "image_auth": Cause(
        "Label Studio refuses to give the backend an image (401 or 403)",
        "a token that Label Studio accepts for this project: LABEL_STUDIO_API_KEY",
    ),
    "image_refused": Cause(
        "the server that the image lies on refuses it, such as with 401 or 403: it wants a login of its own",
        "give the images through Label Studio: connect the place as a cloud storage, or upload them; the backend sends "
        "its token to no other server",
    ),
    "image_unavailable": Cause(
        "an image cannot be fetched",
        "see to it that this machine reaches the address in the task's data; a host on a private address that is not "
        "Label Studio's goes into IMAGE_HOSTS",
    ),
    "image_unreadable": Cause(
        "what lies at an image's address is no image that this backend reads",
        "JPEG, PNG, TIFF, WebP, GIF or BMP; make page images of a PDF",
    ),
}  # fmt: skip


def finding(
    level: Level,
    code: str,
    check: str,
    tried: str,
    found: str,
    *,
    project_id: int | None = None,
    hint: str = "",
    **facts: object,
) -> Finding:
    """A finding with the remedy of its cause.

    Args:
        hint: a better remedy, where one is known.
        facts: fill in the names in braces of the remedy.
    """
    remedy = hint or CAUSES[code].remedy.format(**facts)
    return Finding(check, level, tried, found, remedy, code, project_id)


def passed(check: str, tried: str, found: str, *, project_id: int | None = None) -> Finding:
    """A finding that all is well."""
    return Finding(check, Level.OK, tried, found, project_id=project_id)


def skipped(check: str, why: str, *, project_id: int | None = None) -> Finding:
    """What could not be looked at, because of another finding."""
    return Finding(check, Level.SKIPPED, "", why, project_id=project_id)
