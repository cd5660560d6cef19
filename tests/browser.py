"""A headless Chromium, for tests of what is seen in a browser and for the pictures of the documents."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.studio import Studio

PATIENCE_S = 60.0
LOGIN, PASSWORD = "admin@example.com", "correct-horse-1"  # as tests.studio starts Label Studio

needs_browser = pytest.mark.skipif(
    not (shutil.which("chromium") and shutil.which("chromedriver")), reason="needs chromium and chromedriver"
)


@contextmanager
def browser(*arguments: str, javascript: bool = True, dark: bool = False) -> Iterator[WebDriver]:
    """A window with nothing in it.

    Args:
        arguments: further ones of Chromium's command line.
        dark: the page is told that its reader prefers dark colours.
    """
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    # Without a sandbox it also runs as root; it sees nothing but our own servers.
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", *arguments):
        options.add_argument(argument)
    if not javascript:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        if dark:
            preferred = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            window.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)
        yield window
    finally:
        window.quit()


def wait_in(window: WebDriver, script: str) -> None:
    """Wait until a script returns something that is true."""
    WebDriverWait(window, PATIENCE_S).until(lambda shown: shown.execute_script(script))


def sign_in(window: WebDriver, studio: Studio) -> None:
    """Sign in to a Label Studio of the tests."""
    window.get(f"{studio.url}/user/login/")
    window.find_element(By.NAME, "email").send_keys(LOGIN)
    window.find_element(By.NAME, "password").send_keys(PASSWORD)
    window.find_element(By.CSS_SELECTOR, "form button[type=submit]").click()
    wait_in(window, "return !location.pathname.includes('login')")
