"""The bench of speed: its options, its pages, its processes, what it prints and what it writes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import requests

from scripts.bench.pages import BenchPage
from scripts.bench_speed import PARTS, read_arguments
from scripts.speed.figures import Figure, Options, measured
from scripts.speed.machine import machine
from scripts.speed.pages import bench_pages, serve_pages
from scripts.speed.processes import fresh_process
from scripts.speed.tables import BEGIN, END, latest, readme_table, table_of, write_readme

DRAWN = Options(pages=2, seed=0, data=None, quick=True)


def test_a_figure_is_the_median_with_its_quartiles() -> None:
    figure = measured("cold", "page", [4.0, 1.0, 2.0, 3.0, 5.0], "s")
    assert (figure.low, figure.value, figure.high) == (2.0, 3.0, 4.0)
    assert (figure.asked, figure.met) == ("", None)
    assert measured("cold", "page", [4.0], "s").low is None


@pytest.mark.parametrize(("value", "least", "most"), [(5.0, True, True), (4.9, False, True), (5.1, True, False)])
def test_a_figure_is_held_against_what_is_asked(value: float, least: bool, most: bool) -> None:
    assert measured("cold", "page", [value], "x", at_least=5).met is least
    assert measured("cold", "page", [value], "x", at_most=5).met is most
    assert measured("cold", "page", [value], "x", at_most=5).asked == "<= 5 x"


def test_a_table_has_three_digits_and_the_verdict() -> None:
    lines = table_of(
        [
            Figure("cold", "ratio", 5.4321, "x", 4.0, 6.0, ">= 5 x", True),
            Figure("memory", "web process", 2612.4, "MB", asked="<= 2500 MB", met=False),
            Figure("equal", "difference", 0.0000021, ""),
        ]
    ).splitlines()
    assert lines[2:] == [
        "| ratio | 5.43 x | 4 to 6 | >= 5 x | met |",
        "| web process | 2612 MB |  | <= 2500 MB | missed |",
        "| difference | 2.1e-06 |  |  |  |",
    ]


def test_the_readme_gets_the_figures_with_an_aim_and_keeps_its_other_text(tmp_path: Path) -> None:
    aimed = Figure("cold", "ratio", 5.4321, "x", asked=">= 5 x", met=True)
    content = latest(machine(), [aimed, Figure("cold", "seconds", 1.0, "s")])
    assert json.loads(json.dumps(content)) == content
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        write_readme(readme, content)
        assert readme.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{readme_table(content)}\n{END}\nafter\n"
    assert "| ratio | 5.43 x |  | >= 5 x | met |" in readme_table(content)
    assert "seconds" not in readme_table(content)


def test_the_machine_is_told_without_names() -> None:
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["memory_gb"] > 0
    assert {"date", "processor", "tesseract", "torch", "transformers"} <= set(facts)
    assert os.uname().nodename not in json.dumps(facts)


@pytest.mark.parametrize("arguments", [("--parts", "cold,magic"), ("--pages", "many")])
def test_options_that_make_no_sense_are_refused(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        read_arguments(arguments)


def test_all_parts_are_run_unless_some_are_named() -> None:
    assert read_arguments([]).parts == tuple(PARTS)
    assert read_arguments(["--parts", "train,cold"]).parts == ("train", "cold")


@pytest.fixture(scope="module")
def pages() -> list[BenchPage]:
    return bench_pages(DRAWN, 4)


def test_the_pages_are_the_same_for_the_same_options_and_kinds_take_turns(pages: list[BenchPage]) -> None:
    assert [page.name.rstrip("0123456789.png") for page in pages] == ["receipt", "form"] * 2
    assert [page.image for page in bench_pages(DRAWN, 5)][:4] == [page.image for page in pages]


def test_pages_are_served_by_the_addresses_of_their_tasks(pages: list[BenchPage]) -> None:
    with serve_pages(pages) as served:
        for page, task in zip(served.pages, served.tasks, strict=True):
            assert requests.get(task["data"]["image"], timeout=5).content == page.image
        assert requests.get(task["data"]["image"] + "x", timeout=5).status_code == 404


def test_a_fresh_process_has_the_backends_thread_settings_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_THREAD_LIMIT", "1")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    monkeypatch.setenv("OTHER", "kept")
    for plain, waiting in ((False, "PASSIVE"), (True, None)):
        with fresh_process(plain=plain) as process:
            assert process.submit(os.getenv, "OMP_WAIT_POLICY").result() == waiting
            assert process.submit(os.getenv, "OMP_THREAD_LIMIT").result() is None
            assert process.submit(os.getenv, "OTHER").result() == "kept"
            assert process.submit(os.sched_getaffinity, 0).result() == os.sched_getaffinity(0)


def test_a_fresh_process_is_bound_to_one_core_if_so_asked() -> None:
    with fresh_process(on_one_core=True) as process:
        assert len(process.submit(os.sched_getaffinity, 0).result()) == 1
