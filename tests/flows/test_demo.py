"""The demonstration as somebody tries it: one command, a form with boxes on screen, Submit, the next one."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from scripts.demo import fill
from scripts.demo.forms import ANNOTATED, FORMS, sample_forms
from scripts.demo.studio import EMAIL, PASSWORD, SignedIn
from tests.browser import browser, needs_browser
from tests.running import ROOT, backend, free_port
from tests.studio import Studio
from tests.waiting import wait_until

pytestmark = [pytest.mark.label_studio, needs_browser]

READY_S = 1200.0
SHOWN_S = 180.0
STOPPED_S = 90.0
BOXES_AND_TEXT = "return [document.querySelectorAll('.lsf-outliner-item').length, document.body.innerText]"
SUBMIT = """
    const button = document.querySelector("button[aria-label='Submit current annotation']");
    if (!button || button.disabled) return false;
    button.click();
    return true;
"""


def sign_up(url: str) -> None:
    """Make the demonstration's user, as its own Label Studio has it from the start."""
    with requests.Session() as session:
        session.get(f"{url}/user/signup/", timeout=150)
        form = {"email": EMAIL, "password": PASSWORD}
        headers = {"X-CSRFToken": session.cookies["csrftoken"], "Referer": url}
        answer = session.post(f"{url}/user/signup/", data=form, headers=headers, timeout=150, allow_redirects=False)
        assert answer.status_code == 302, answer.text[:500]


def address_in(printed: str) -> str:
    """What the person is told to open."""
    found = re.search(r"^ *Open +(\S+)$", printed, flags=re.MULTILINE)
    assert found, printed
    return found[1]


def sign_in_at(window: WebDriver, url: str) -> None:
    """Open an address as somebody who has to sign in first."""
    window.set_window_size(1400, 1100)
    window.get(url)
    window.find_element(By.NAME, "email").send_keys(EMAIL)
    window.find_element(By.NAME, "password").send_keys(PASSWORD)
    window.find_element(By.CSS_SELECTOR, "form button[type=submit]").click()


def wait_for_form(window: WebDriver, *, other_than: int = 0) -> int:
    """Number of the task that the label stream shows, once there are boxes on it."""

    def shown(looked_at: WebDriver) -> int:
        boxes, text = looked_at.execute_script(BOXES_AND_TEXT)
        task = re.search(r"^#?(\d+)\n\d+ of \d+$", text, flags=re.MULTILINE)  # in the bar below the page
        return int(task[1]) if task and boxes and int(task[1]) != other_than else 0

    return WebDriverWait(window, SHOWN_S).until(shown)


def submit(window: WebDriver) -> None:
    WebDriverWait(window, SHOWN_S).until(lambda shown: shown.execute_script(SUBMIT))


def test_a_form_opens_with_boxes_and_submitting_it_opens_the_next(
    studio: Studio, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign_up(studio.url)
    # Without a key of its own and with the fast learner alone, which is what comes first in any case.
    with backend(tmp_path / "data", LABEL_STUDIO_URL=studio.url, BASE_MODEL="none") as running, browser() as window:
        arguments = ["--label-studio", studio.url, "--backend", running.url]
        assert fill.main(arguments) == 0
        url = address_in(capsys.readouterr().out)
        user = SignedIn(studio.url, EMAIL, PASSWORD)
        project = int(url.split("/projects/")[1].split("/")[0])
        tasks = user.tasks(project)
        assert [bool(task["annotations"]) for task in tasks] == [form.results is not None for form in sample_forms()]

        sign_in_at(window, url)
        first = wait_for_form(window)
        assert first == tasks[ANNOTATED]["id"]
        submit(window)
        assert wait_for_form(window, other_than=first) == tasks[ANNOTATED + 1]["id"]
        submitted = user.tasks(project)[ANNOTATED]["annotations"]
        assert submitted[0]["result"]

        # Done again nothing is doubled, and what was deleted stays so.
        user.delete(f"/api/annotations/{submitted[0]['id']}/")
        assert fill.main(arguments) == 0
        assert address_in(capsys.readouterr().out) == url
        again = user.tasks(project)
        assert len(again) == FORMS
        assert not again[ANNOTATED]["annotations"]


@dataclass
class Demonstration:
    """A `make demo` that runs, without what make installs."""

    process: subprocess.Popen[bytes]
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        def settled() -> bool:
            return "Ctrl-C stops" in self.printed or self.process.poll() is not None

        wait_until(settled, READY_S, "the demonstration is ready")
        assert self.process.poll() is None, self.printed

    def stop(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)
        assert self.process.wait(STOPPED_S) == 0, self.printed


@contextmanager
def demonstration(folder: Path, port: int, backend_port: int) -> Iterator[Demonstration]:
    output = folder.with_suffix(".txt")
    command = [sys.executable, "-m", "scripts.demo", "--folder", str(folder)]
    command += ["--port", str(port), "--backend-port", str(backend_port)]
    with output.open("wb") as printed:
        process = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT)
    try:
        yield Demonstration(process, output)
    finally:
        process.kill()  # Label Studio and the backend end with it
        process.wait()


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.slow
def test_one_command_starts_it_ctrl_c_ends_it_and_it_goes_on_another_time(tmp_path: Path) -> None:
    if not os.environ.get("LABEL_STUDIO_BIN"):
        pytest.skip("LABEL_STUDIO_BIN is not set: make test installs Label Studio and sets it")
    port, backend_port = free_port(), free_port()
    with demonstration(tmp_path / "demo", port, backend_port) as first:
        first.wait_until_ready()
        url = address_in(first.printed)
        with browser() as window:
            sign_in_at(window, url)
            wait_for_form(window)
        first.stop(signal.SIGINT)
    assert is_free(port)
    assert is_free(backend_port)

    with (
        socket.create_server(("127.0.0.1", backend_port)),  # taken meanwhile
        demonstration(tmp_path / "demo", port, backend_port) as second,
    ):
        second.wait_until_ready()
        assert f"Port {backend_port} is taken" in second.printed
        assert "uploaded" not in second.printed
        assert address_in(second.printed) == url
        user = SignedIn(f"http://127.0.0.1:{port}", EMAIL, PASSWORD)
        (project,) = user.get("/api/projects/")["results"]
        (connected,) = user.get(f"/api/ml/?project={project['id']}")
        (hook,) = user.get(f"/api/webhooks/?project={project['id']}")
        assert hook["url"] == f"{connected['url']}/webhook"
        assert not connected["url"].endswith(f":{backend_port}")
        assert len(user.tasks(project["id"])) == FORMS
        second.stop(signal.SIGTERM)
