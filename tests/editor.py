"""Label Studio's editor in a browser, used as a person does: open a task, draw with the smart tool, accept, submit."""

from __future__ import annotations

from typing import Any

from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from backend.document.geometry import Box
from tests.browser import PATIENCE_S, wait_in
from tests.studio import Studio

WINDOW = 1400, 1180
AUTO_ANNOTATION = "[data-testid=bottombar-auto-annotation-toggle]"
SMART_RECTANGLE = ".lsf-tool_smart[aria-label=rectangle-tool]"
ACCEPT = "[data-testid=bottombar-accept-suggestions-button]"
AUTO_ACCEPT = "[data-testid=bottombar-auto-accept-toggle]"
SUBMIT = "button[aria-label='Submit current annotation']"
SUGGESTIONS = "(window.Htx || window.store).annotationStore.selected.suggestions.size"
ANSWERED = "!(window.Htx || window.store).awaitingSuggestions"
NOTE = ".lsf-detailed-region__meta-text"
"""What stands in the details of the region that is selected."""
REGIONS = "document.querySelectorAll('.lsf-outliner-item').length"
PAGE = "[...document.querySelectorAll('img')].find(i => i.naturalWidth && i.getBoundingClientRect().width > 300)"
"""The image of the page; the others are pictures of the list and of the user."""


def open_task(window: WebDriver, studio: Studio, project: int, task: int) -> None:
    """Open a task from the list of tasks, and wait for its page."""
    window.set_window_size(*WINDOW)
    window.get(f"{studio.url}/projects/{project}/data?task={task}")
    wait_in(window, f"return document.querySelector('.lsf-tool') !== null && {PAGE} !== undefined")


def take_smart_rectangle(window: WebDriver) -> None:
    """Switch Auto-Annotation on and take the smart rectangle."""
    wait_in(window, f'return document.querySelector("{AUTO_ANNOTATION}") !== null')
    window.execute_script(f'const it = document.querySelector("{AUTO_ANNOTATION}"); if (!it.checked) it.click()')
    wait_in(window, f"return document.querySelector('{SMART_RECTANGLE}') !== null")
    window.execute_script(f"document.querySelector('{SMART_RECTANGLE}').click()")
    wait_in(window, f"return document.querySelector('{SMART_RECTANGLE}.lsf-tool_active') !== null")


def choose_label(window: WebDriver, label: str) -> None:
    """Choose the label that is drawn next."""
    find = "[...document.querySelectorAll('.lsf-label')].find(one => one.innerText.startsWith(arguments[0]))"
    window.execute_script(f"{find}.click()", label)
    wait_in(window, "return document.querySelector('.lsf-label_selected') !== null")


def draw(window: WebDriver, box: Box, page_size: tuple[int, int]) -> None:
    """Draw a box, in pixels of a page of this size, with the mouse."""
    x, y, width, height = window.execute_script(
        f"const shown = {PAGE}.getBoundingClientRect(); return [shown.x, shown.y, shown.width, shown.height]"
    )
    across, down = width / page_size[0], height / page_size[1]
    mouse = ActionBuilder(window, duration=60)
    pointer = mouse.pointer_action
    pointer.move_to_location(round(x + box.left * across), round(y + box.top * down))
    pointer.pointer_down()
    # The editor begins to draw with the first movement, and looks at the mouse twenty times a second.
    pointer.move_to_location(round(x + box.center[0] * across), round(y + box.center[1] * down))
    for _ in range(2):
        pointer.move_to_location(round(x + box.right * across), round(y + box.bottom * down))
    pointer.pointer_up()
    mouse.perform()


def select_region(window: WebDriver, label: str) -> None:
    """Select the first region of a label in the list of regions."""
    find = "[...document.querySelectorAll('.lsf-outliner-item')].find(one => one.innerText.includes(arguments[0]))"
    WebDriverWait(window, PATIENCE_S).until(lambda shown: shown.execute_script(f"return {find} !== undefined", label))
    window.execute_script(f"{find}.click()", label)


def wait_for_suggestion(window: WebDriver) -> None:
    wait_in(window, f"return {SUGGESTIONS} > 0")


def accept_suggestions(window: WebDriver) -> None:
    """Press the check mark beside the number of suggestions."""
    wait_in(window, f"return document.querySelector('{ACCEPT}') !== null")
    window.execute_script(f"document.querySelector('{ACCEPT}').click()")
    wait_in(window, f"return {SUGGESTIONS} === 0 && {REGIONS} > 0")


def accept_by_itself(window: WebDriver) -> None:
    """Switch Auto-Accept Suggestions on."""
    wait_in(window, f"return document.querySelector('{AUTO_ACCEPT}') !== null")
    window.execute_script(f"document.querySelector('{AUTO_ACCEPT}').click()")


def submit(window: WebDriver) -> None:
    window.execute_script(f'document.querySelector("{SUBMIT}").click()')


def submitted(studio: Studio, task: int) -> list[dict[str, Any]]:
    """The results of a task's annotation; empty while there is none."""
    annotations = studio.api("GET", f"/api/tasks/{task}/annotations/")
    found: list[dict[str, Any]] = annotations[0]["result"] if annotations else []
    return found
