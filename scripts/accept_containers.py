"""Acceptance of the containers against a real Label Studio: predict, train, serve, come back.

    make accept-containers

Builds the image, starts the compose file as a project of its own, and plays a project of drawn forms through. Ends with
a summary as JSON and status 0, or with what does not hold and the containers' logs; either way everything it started
is removed again, but not the image.

Needs Linux with Docker and its compose; `LABEL_STUDIO_BIN` names Label Studio's program. Label Studio runs on this
machine and listens where containers reach it, on the gateway of Docker's bridge. The backend asks for a password.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from backend.document.region import Region
from backend.label_studio.annotations import annotation_boxes
from backend.label_studio.config import parse_labeling_config
from backend.training.scores import score_pages
from tests.drawn import DrawnPage, draw_form
from tests.drawn.uploads import drawn_results, png
from tests.running import free_port, without_settings
from tests.studio import Studio, label_studio

ROOT = Path(__file__).resolve().parents[1]
CONFIG = (ROOT / "label_configs" / "forms.xml").read_text(encoding="utf-8")
PROJECT = "layoutlmv3-acceptance"
SERVICES = ("redis", "web", "worker")
ALIAS = "ml-backend.internal"
USER, PASSWORD = "label-studio", "acceptance"
STEPS = 60
ANNOTATED = 6
PAGES = [draw_form(seed) for seed in range(9)]
"""The first ones are annotated, the others predicted; the last one is uploaded after the restarts."""

HEALTHY_S = 180.0
TRAINED_S = 900.0
KILL_MAIN_PROCESS = "import os; os.kill(int(open('/proc/1/task/1/children').read().split()[0]), 9)"


@dataclass(frozen=True)
class Containers:
    """The compose file's containers under the project's name.

    Attributes:
        command: compose with the options that name project, file and settings.
        environ: of the command; holds none of the product's settings.
        settings: file of the settings, read by each command.
    """

    command: tuple[str, ...]
    environ: Mapping[str, str]
    settings: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def configure(self, **settings: str) -> None:
        """Settings for the containers that are started from now on."""
        with self.settings.open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in settings.items())

    def compose(self, *arguments: str, check: bool = True) -> str:
        """What a compose command wrote to its standard output."""
        done = subprocess.run(
            [*self.command, *arguments], cwd=ROOT, env=self.environ, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"compose {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def inside(self, service: str, *command: str, check: bool = True) -> str:
        """What a command inside a container wrote."""
        return self.compose("exec", "-T", service, *command, check=check).strip()

    def host(self) -> str:
        """The address of this machine that containers call host.docker.internal."""
        return self.compose("run", "--rm", "--no-deps", "web", "getent", "hosts", "host.docker.internal").split()[0]

    def facts(self, service: str) -> dict[str, Any]:
        """What Docker knows of a container."""
        number = self.compose("ps", "-q", service).strip()
        shown = subprocess.run(["docker", "inspect", number], capture_output=True, text=True, check=True).stdout
        facts: dict[str, Any] = json.loads(shown)[0]
        return facts

    def wait_until_healthy(self, services: Sequence[str], *, started_after: str = "") -> None:
        for service in services:

            def healthy(service: str = service) -> bool:
                state = self.facts(service)["State"]
                return bool(state["StartedAt"] > started_after and state["Health"]["Status"] == "healthy")

            wait_until(healthy, HEALTHY_S, f"{service} is healthy")

    def ask(self, path: str) -> dict[str, Any]:
        answer = requests.get(self.url + path, auth=(USER, PASSWORD), timeout=5)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content

    def project(self, number: int) -> dict[str, Any]:
        """What `/health` tells of a project; empty before it is known."""
        facts: dict[str, Any] = self.ask("/health")["projects"].get(str(number), {})
        return facts


@contextmanager
def containers() -> Iterator[Containers]:
    """Built, not started; removed with their volumes at the end, their logs told if it is a bad one."""
    environ = without_settings(os.environ)
    program = ("docker-compose",) if shutil.which("docker-compose") else ("docker", "compose")
    with tempfile.TemporaryDirectory() as folder:
        file, port = Path(folder) / "settings.env", free_port()
        command = (*program, "--project-name", PROJECT, "--env-file", str(file))
        stack = Containers(command, environ, file, port)
        stack.configure(PORT=str(port), BASIC_AUTH_USER=USER, BASIC_AUTH_PASS=PASSWORD, TRAIN_MAX_STEPS=str(STEPS))
        try:
            stack.compose("down", "--volumes")
            stack.compose("build")
            yield stack
        except BaseException:
            print(stack.compose("logs", "--no-color", "--tail=40", check=False), file=sys.stderr)
            raise
        finally:
            stack.compose("down", "--volumes")


def wait_until(holds: Callable[[], bool], within_s: float, what: str) -> None:
    last_try = time.monotonic() + within_s
    while not holds():
        require(time.monotonic() < last_try, f"{what} within {within_s:.0f} s")
        time.sleep(1)


@contextmanager
def timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    begun = time.monotonic()
    yield
    seconds[step] = round(time.monotonic() - begun, 1)


def require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"does not hold: {what}")


def f1(predictions: Sequence[tuple[DrawnPage, dict[str, Any]]]) -> float:
    """Region F1 of stored predictions against what was drawn."""
    config = parse_labeling_config(CONFIG)
    pages = []
    for page, prediction in predictions:
        found = annotation_boxes(prediction, config, {0: page.size}).boxes[0]
        pages.append(([Region(box.label, box.box, "", 1.0) for box in found], page.boxes))
    return score_pages(pages).micro.f1


def check_image(stack: Containers) -> None:
    """What has to hold of containers that run."""
    for service in ("web", "worker"):
        require(stack.inside(service, "id", "-u") != "0", f"{service} does not run as root")
        require(
            stack.facts(service)["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped", f"{service} comes back"
        )
    tools = stack.inside("web", "sh", "-c", "command -v gcc cc g++ make git", check=False)
    require(not tools, f"the image holds no build tools, not {tools}")
    reach = f"import socket; socket.create_connection(('{ALIAS}', {stack.port}), 5)"
    stack.inside("worker", "python", "-c", reach)


def check_restarts(stack: Containers) -> None:
    """The worker is killed and comes back by itself; the web container is restarted."""
    before = {service: stack.facts(service)["State"]["StartedAt"] for service in ("worker", "web")}
    stack.inside("worker", "python", "-c", KILL_MAIN_PROCESS, check=False)
    stack.compose("restart", "web")
    for service, started in before.items():
        stack.wait_until_healthy([service], started_after=started)
    require(stack.facts("worker")["RestartCount"] == 1, "Docker started the killed worker again, once")


def stored_prediction(studio: Studio, task: int, version: str) -> dict[str, Any]:
    """The latest prediction that Label Studio keeps of a task."""
    predictions = studio.predictions(task)
    require(bool(predictions), f"task {task} has a prediction")
    latest: dict[str, Any] = predictions[-1]
    require(latest["model_version"] == version, f"task {task} has boxes of {version}, not {latest['model_version']}")
    require(bool(latest["result"]), f"task {task} has boxes")
    return latest


def start(stack: Containers) -> None:
    stack.compose("up", "--detach")
    stack.wait_until_healthy(SERVICES)
    check_image(stack)


def connect(studio: Studio, stack: Containers, project: int, task: int) -> int:
    """The backend's number in Label Studio; a task opens without boxes and without an error."""
    model = studio.connect(project, stack.url, auth_method="BASIC_AUTH", basic_auth_user=USER, basic_auth_pass=PASSWORD)
    require(len(studio.webhooks(project)) == 1, "connecting made a webhook")
    require(studio.open_task(task)["predictions"] == [], "a task opens without boxes before anything is learnt")
    state = studio.api("GET", f"/api/ml/{model}")
    require(state["state"] == "CO" and not state["error_message"], f"the backend is connected: {state}")
    return model


def learn(studio: Studio, stack: Containers, project: int, annotated: Sequence[tuple[int, DrawnPage]]) -> None:
    """Annotations are saved and the worker, nobody else, makes a version of them."""
    for task, page in annotated:
        studio.annotate(task, drawn_results(page))
    wait_until(
        lambda: stack.project(project).get("version") == "v2",
        TRAINED_S,
        "v2, with both learners, is live in the web container",
    )
    require("run started" in stack.compose("logs", "--no-color", "worker"), "the worker did the run")
    require("run started" not in stack.compose("logs", "--no-color", "web"), "the web container trains nothing")


def accept(studio: Studio, stack: Containers) -> dict[str, Any]:
    """The whole story; what it gave, with the seconds of its steps."""
    seconds: dict[str, float] = {}
    *pages, last = PAGES
    with timed(seconds, "start"):
        start(stack)
    project = studio.create_project("Containers", CONFIG)
    tasks = studio.upload(project, [(f"form-{number}.png", png(page.image)) for number, page in enumerate(pages)])
    with timed(seconds, "connect"):
        model = connect(studio, stack, project, tasks[0])
    with timed(seconds, "learn"):
        learn(studio, stack, project, list(zip(tasks, pages, strict=True))[:ANNOTATED])
    with timed(seconds, "predict"):
        studio.retrieve_predictions(project, tasks[ANNOTATED:])
    kept = [stored_prediction(studio, task, "v2") for task in tasks[ANNOTATED:]]
    with timed(seconds, "restart"):
        check_restarts(stack)
    with timed(seconds, "predict after restart"):
        (new,) = studio.upload(project, [("form-last.png", png(last.image))])
        studio.open_task(new)
    kept.append(stored_prediction(studio, new, "v2"))
    with timed(seconds, "train after restart"):
        studio.api("POST", f"/api/ml/{model}/train", {})
        wait_until(lambda: "v3" in stack.ask("/versions")["versions"], TRAINED_S, "the restarted worker trains")
    return {
        "annotated": ANNOTATED,
        "boxes": [len(prediction["result"]) for prediction in kept],
        "f1": round(f1(list(zip(PAGES[ANNOTATED:], kept, strict=True))), 3),
        "seconds": seconds,
    }


def main() -> int:
    program = os.environ.get("LABEL_STUDIO_BIN", "")
    if not program:
        print("LABEL_STUDIO_BIN must name Label Studio's program", file=sys.stderr)
        return 2
    with containers() as stack, label_studio(program, host=stack.host()) as studio:
        stack.configure(LABEL_STUDIO_URL=f"http://host.docker.internal:{urlsplit(studio.url).port}")
        summary = accept(studio, stack)
    print(json.dumps(summary, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
