"""What the product never does: run content as code, load pickles, trust certificates blindly, read settings twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from backend.settings import SETTINGS
from tests.house.source import REPOSITORY, Source, backend_sources, product_sources

SOURCES = product_sources()

FORBIDDEN_MODULES = {
    *("pickle", "_pickle", "dill", "cloudpickle", "joblib", "jsonpickle", "shelve", "marshal"),
    *("xml.sax", "xml.dom.minidom"),
}
FORBIDDEN_CALLS = {
    *("eval", "exec", "compile", "__import__", "builtins.eval", "builtins.exec", "builtins.compile"),
    *("os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput", "asyncio.create_subprocess_shell"),
    *("torch.load", "torch.serialization.load", "torch.hub.load"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"),
}
FORBIDDEN_ARGUMENTS = {
    *(("shell", True), ("verify", False), ("trust_remote_code", True), ("weights_only", False), ("allow_pickle", True)),
}
PARSERS = {"fromstring", "parse", "iterparse", "XMLParser", "XML"}
ENVIRONMENT = {"environ", "getenv", "putenv", "environb"}
MAY_TOUCH_ENVIRONMENT = {
    "backend.settings": "reads every setting",
    "backend.supervise.supervisor": "the environment of its children",
    "backend": "how OpenMP waits, which it asks for when torch is loaded",
}


def dangers_in(source: Source) -> Iterator[str]:
    """What is forbidden and stands in a module all the same."""
    yield from sorted(source.imports & FORBIDDEN_MODULES)
    for called, call in source.calls():
        if called in FORBIDDEN_CALLS:
            yield called
        for keyword in call.keywords:
            if is_forbidden(keyword.arg, keyword.value):
                yield f"{called}({ast.unparse(keyword)})"
    for node in ast.walk(source.tree):
        # The same by other ways: a dictionary that is handed on as arguments, an attribute of a session.
        if isinstance(node, ast.Dict):
            pairs = [
                (ast.literal_eval(key), value)
                for key, value in zip(node.keys, node.values, strict=True)
                if is_text(key)
            ]
        elif isinstance(node, ast.Assign):
            pairs = [(target.attr, node.value) for target in node.targets if isinstance(target, ast.Attribute)]
        else:
            continue
        yield from (f"{name}={ast.unparse(value)}" for name, value in pairs if is_forbidden(name, value))
    if "xml.etree.ElementTree" in source.imports:
        yield from sorted({f"xml.etree.ElementTree.{name}" for name in PARSERS} & source.imports)


def is_forbidden(name: str | None, value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and (name, value.value) in FORBIDDEN_ARGUMENTS


def is_text(key: ast.expr | None) -> bool:
    return isinstance(key, ast.Constant) and isinstance(key.value, str)


def environment_in(source: Source) -> set[str]:
    """The parts of the environment's interface that a module uses."""
    used = {ast.unparse(node) for node in ast.walk(source.tree) if isinstance(node, ast.Attribute)} | source.imports
    return used & {f"os.{name}" for name in ENVIRONMENT}


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_module_does_what_is_forbidden(source: Source) -> None:
    assert list(dangers_in(source)) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_environment_is_read_in_one_place(source: Source) -> None:
    assert not environment_in(source) or source.name in MAY_TOUCH_ENVIRONMENT


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from xml.etree.ElementTree import fromstring",
        "from pickle import loads",
        "torch.load('x')",
        "from torch import load\nload('x')",
        "import torch as t\nt.load('x')",
        "torch.load('x', weights_only=True)",
        "yaml.load('x')",
        "from yaml import unsafe_load as safe\nsafe('x')",
        "eval('1')",
        "exec('1')",
        "from builtins import exec as run\nrun('1')",
        "run('x', shell=True)",
        "run('x', **{'shell': True})",
        "get('x', verify=False)",
        "session.verify = False",
        "load('x', trust_remote_code=True)",
        "numpy.load('x', allow_pickle=True)",
    ],
)
def test_the_search_finds_what_is_forbidden(code: str) -> None:
    source = Source(REPOSITORY / "nowhere.py", "backend.nowhere")
    source.__dict__["tree"] = ast.parse(code)
    assert list(dangers_in(source))


@pytest.mark.parametrize(
    "code", ["model.eval()", "import re\nre.compile('x')", "yaml.safe_load('x')", "get('x', verify=True)"]
)
def test_the_search_leaves_alone_what_is_harmless(code: str) -> None:
    source = Source(REPOSITORY / "nowhere.py", "backend.nowhere")
    source.__dict__["tree"] = ast.parse(code)
    assert list(dangers_in(source)) == []


@pytest.mark.parametrize("code", ["os.environ['A']", "os.getenv('A')", "from os import environ"])
def test_the_search_finds_readers_of_the_environment(code: str) -> None:
    source = Source(REPOSITORY / "nowhere.py", "backend.nowhere")
    source.__dict__["tree"] = ast.parse(code)
    assert environment_in(source)


def test_the_server_entry_is_short() -> None:
    assert len((REPOSITORY / "_wsgi.py").read_text(encoding="utf-8").splitlines()) <= 10


def test_modules_stay_short() -> None:
    long = {
        source.name: lines
        for source in backend_sources()
        if (lines := len(source.path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}


@pytest.mark.parametrize("document", ["README.md", "docker-compose.yml"])
def test_every_setting_is_documented(document: str) -> None:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    assert [setting.name for setting in SETTINGS if setting.name not in text] == []
