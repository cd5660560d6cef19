"""The status page in a real browser: read, pressed, watched, attacked, and beside a real Label Studio."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from backend.jobs.changes import read_changes
from backend.jobs.run_state import write_run
from backend.service import app
from backend.service.ui.examination import Examination
from backend.settings import load_settings
from backend.versions.project import ProjectFolder
from backend.versions.store import VersionStore
from tests.browser import PATIENCE_S, browser, needs_browser, sign_in, wait_in
from tests.drawn import draw_receipt
from tests.flows.conftest import drawn_results, files, label_config
from tests.flows.served import served
from tests.running import backend
from tests.service.ui.written import running, write_project
from tests.studio import Studio

pytestmark = needs_browser

ATTACK = '"><img src=x onerror="window.attacked=1"><script>window.attacked=1</script>'
NO_OVERFLOW = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth"
SEVERE = ("SEVERE", "WARNING")
RECEIPTS = [draw_receipt(seed) for seed in range(6)]


@pytest.fixture(scope="module")
def window() -> Iterator[WebDriver]:
    with browser() as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> ProjectFolder:
    return write_project(tmp_path / "data", label=ATTACK)


@pytest.fixture
def address(folder: ProjectFolder, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Of the status page over the written project, its doctor finding nothing."""
    monkeypatch.setattr(app, "Examination", partial(Examination, examine=lambda settings: ()))
    settings = load_settings({"DATA_DIR": str(folder.data_dir), "REDIS_URL": "redis://127.0.0.1:1/0"})
    with served(settings) as port:
        yield f"http://127.0.0.1:{port}"


def press(window: WebDriver, text: str) -> None:
    window.find_element(By.XPATH, f"//button[normalize-space()='{text}' or @aria-label='{text}']").click()


def words(window: WebDriver) -> str:
    return window.find_element(By.TAG_NAME, "body").text


def shows(window: WebDriver, text: str) -> None:
    """Wait until a text is on the page, which may be loading."""
    passing = (StaleElementReferenceException, NoSuchElementException)
    WebDriverWait(window, PATIENCE_S, ignored_exceptions=passing).until(lambda shown: text in words(shown))


def complaints(window: WebDriver) -> list[str]:
    """What the browser's console says that is bad, refused scripts and styles included."""
    return [entry["message"] for entry in window.get_log("browser") if entry["level"] in SEVERE]


def set_width(window: WebDriver, width_px: int) -> None:
    metrics = {"width": width_px, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    window.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def test_every_page_is_readable_on_every_screen_without_complaints(window: WebDriver, address: str) -> None:
    complaints(window)  # of an earlier test
    for width_px in (360, 1600):
        set_width(window, width_px)
        for path in ("", "/ui/projects/3", "/ui/projects/99", "/ui/doctor"):
            window.get(address + path)
            assert window.execute_script(NO_OVERFLOW), f"{path} is wider than {width_px} pixels"
            assert window.find_element(By.TAG_NAME, "h1").text
    assert [one for one in complaints(window) if "404" not in one] == []


def test_names_that_are_html_are_shown_and_not_run(window: WebDriver, address: str) -> None:
    window.get(f"{address}/ui/projects/3")
    assert ATTACK in words(window)
    assert window.execute_script("return window.attacked === undefined")


def test_versions_are_promoted_and_rolled_back_by_clicking(
    window: WebDriver, address: str, folder: ProjectFolder
) -> None:
    window.get(f"{address}/ui/projects/3")
    press(window, "Promote v3")
    shows(window, "v3 is live")
    assert VersionStore(folder).current() == 3
    press(window, "Roll back to v4")
    shows(window, "v4 is live")
    assert VersionStore(folder).current() == 4


def test_progress_moves_and_a_new_version_appears_by_itself(
    window: WebDriver, address: str, folder: ProjectFolder
) -> None:
    window.get(f"{address}/ui/projects/3")
    assert "step 216 of 400" in words(window)
    window.execute_script("window.stays = true")
    write_run(folder, running(300))
    shows(window, "step 300 of 400, 75 %")
    assert window.execute_script("return window.stays"), "only that part was fetched"
    VersionStore(folder).promote(2, "elsewhere")
    shows(window, "v2 is live")


def test_a_form_on_a_page_of_others_changes_nothing(window: WebDriver, address: str, folder: ProjectFolder) -> None:
    with page_of_others(
        f'<form method="post" action="{address}/ui/projects/3/train"><button>win</button></form>'
    ) as evil:
        window.get(evil)
        press(window, "win")
        shows(window, "by a page of another origin")
    assert not read_changes(folder).forced


@contextmanager
def page_of_others(content: str) -> Iterator[str]:
    """A page on another origin; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content.encode())

        def log_message(self, *_: object) -> None:
            pass

    # A thread for each connection: Chromium opens some that it does not use at once.
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def test_without_javascript_everything_is_read_and_pressed(address: str, folder: ProjectFolder) -> None:
    with browser(javascript=False) as plain:
        plain.get(f"{address}/ui/projects/3")
        assert plain.find_elements(By.CSS_SELECTOR, "noscript meta[http-equiv=refresh]"), "it is loaded again"
        for told in ("v4 is live", "step 216 of 400", "Roll back to v2", "Task 101"):
            assert told in words(plain)
        press(plain, "Roll back to v2")
        shows(plain, "v2 is live")
        press(plain, "Start training")
        shows(plain, "A training run was asked for")
    assert VersionStore(folder).current() == 2
    assert read_changes(folder).forced


@pytest.mark.slow
@pytest.mark.label_studio
def test_beside_label_studio_the_first_version_appears_and_a_training_is_started(
    studio: Studio, window: WebDriver, tmp_path: Path
) -> None:
    with backend(tmp_path / "data", BASE_MODEL="none") as own:
        project = studio.create_project("Status page", label_config("receipts"))
        studio.connect(project, own.url)
        window.get(own.url)
        assert window.current_url == f"{own.url}/ui"
        shows(window, f"Project {project}")
        window.get(f"{own.url}/ui/projects/{project}")
        assert "No version yet." in words(window)
        tasks = studio.upload(project, files(RECEIPTS, "receipt"))
        for task, page in zip(tasks, RECEIPTS, strict=True):
            studio.annotate(task, drawn_results(page))
        first = own.wait_for_version(project)
        shows(window, f"{first} is live")
        window.get(f"{own.url}/ui/projects/{project}")
        for label in ("all labels", "company", "date", "address", "total"):
            assert label in window.find_element(By.CSS_SELECTOR, ".scores").text
        window.get(f"{own.url}/ui/doctor")
        shows(window, "looked just now")
        assert "Label Studio 1." in words(window)
        window.get(f"{own.url}/ui/projects/{project}")
        press(window, "Start training")
        own.wait_for_version(project, after=first)
        wait_in(window, "return document.querySelectorAll('.versions tbody tr').length > 1")
        link = window.find_element(By.LINK_TEXT, "Open in Label Studio").get_attribute("href")
        assert link == f"{studio.url}/projects/{project}/"
        sign_in(window, studio)
        window.get(f"{link}data?task={tasks[0]}")  # as the links of doubtful annotations are
        shows(window, f"{tasks[0]}")
