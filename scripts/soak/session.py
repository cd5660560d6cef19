"""The soak from its start to its end: warm up, press and kill, wait until all is learnt, count."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backend.jobs.changes import read_changes
from scripts.soak.kills import Killer
from scripts.soak.ledger import ORPHAN, REPAIR, Ledger
from scripts.soak.load import Load, setup_body
from scripts.soak.options import NONE, Options
from scripts.soak.pages import KINDS
from scripts.soak.plan import Kill, plan
from scripts.soak.product import START_S, Product
from scripts.soak.scene import Scene, make_project
from scripts.soak.studio import SoakStudio
from scripts.soak.verdict import Outcome, count_lost, not_known
from scripts.soak.versions import VersionWatch
from scripts.speed.served_studio import serve

FIRST_ANNOTATIONS = 6
FIRST_VERSIONS_S, IDLE_S = 600.0, 900.0
LOOK_EVERY_S = 0.2


def soak(options: Options) -> Outcome:
    """Everything that happened, with what was lost."""
    with _data_dir(options) as data_dir, serve(SoakStudio) as studio:
        scene = _scene(data_dir, studio, options)
        load = Load(scene, options.seed, options.annotate_every_s)
        try:
            _run(scene, load, options)
        finally:
            scene.product.stop()
        for left in scene.product.lasting_orphans():
            scene.ledger.fault(ORPHAN, f"left when all had ended: {left}")
        counted = count_lost(scene)
        return Outcome(
            options, scene.ledger, load.samples, load.busy, scene.versions.count(), *counted, _defects(scene)
        )


@contextmanager
def _data_dir(options: Options) -> Iterator[Path]:
    if options.data_dir is not None:
        options.data_dir.mkdir(parents=True)
        yield options.data_dir.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
        yield Path(folder).resolve()


def _scene(data_dir: Path, studio: SoakStudio, options: Options) -> Scene:
    ledger = Ledger()
    projects = [make_project(number, kind, studio, options.seed) for number, kind in enumerate(KINDS, start=1)]
    product = Product(data_dir, options.settings(options.bases[0], studio.url), ledger)
    versions = VersionWatch(data_dir, [project.number for project in projects], ledger)
    return Scene(product, studio, ledger, versions, projects)


def _run(scene: Scene, load: Load, options: Options) -> None:
    """The soak up to the moment at which all is learnt, the product still running."""
    with scene.silence.allowed():
        scene.product.start()
        _wait(scene, scene.product.answers, START_S, "for the first answer")
    with load.watching():
        for project in scene.projects:
            scene.ask("/setup", setup_body(scene, project), patience_s=START_S)
            for _ in range(FIRST_ANNOTATIONS):
                load.annotator.annotate(project, new=True)
        numbers = [project.number for project in scene.projects]
        _wait(scene, lambda: all(map(scene.versions.is_trained, numbers)), FIRST_VERSIONS_S, "for the first versions")
        with load.pressing():
            _press(scene, options)
        scene.ledger.say("the load is over, waiting until all is learnt")
        began = time.monotonic()
        _wait(scene, lambda: all(_is_idle(scene, number) for number in numbers), IDLE_S, "until all is learnt")
        scene.ledger.took("until all is learnt", time.monotonic() - began)


def _press(scene: Scene, options: Options) -> None:
    """The kills, spread over the time, with each base model in turn."""
    killer = Killer(scene)
    began = time.monotonic()
    for number, (base, kill) in enumerate(_kills(options), start=1):
        if base != scene.product.environ["BASE_MODEL"]:
            _change_base(scene, options.settings(base, scene.studio.url))
        time.sleep(max(0.0, began + options.seconds * number / (options.kills + 1) - time.monotonic()))
        killer.kill(kill)
    time.sleep(max(0.0, began + options.seconds - time.monotonic()))


def _kills(options: Options) -> list[tuple[str, Kill]]:
    """Each kill with the base model of its time."""
    bases = [options.bases[len(options.bases) * number // options.kills] for number in range(options.kills)]
    return list(zip(bases, plan([base != NONE for base in bases], options.seed), strict=True))


def _change_base(scene: Scene, environ: Mapping[str, str]) -> None:
    """End the product and start it with another base model, as an operator does."""
    scene.ledger.say(f"BASE_MODEL={environ['BASE_MODEL']}")
    with scene.silence.allowed():
        scene.product.stop()
        scene.product.environ = dict(environ)
        scene.product.start()
        _wait(scene, scene.product.answers, START_S, "for an answer after the change")


def _is_idle(scene: Scene, project: int) -> bool:
    """Whether nothing is left to learn, also of what no event told and the backend has to find by itself."""
    folder = scene.folder(project)
    changes = read_changes(folder)
    deep_left = scene.product.environ["BASE_MODEL"] != NONE and changes.deep_pending > 0
    at_work = changes.pending or changes.forced or changes.job or deep_left
    return not at_work and not not_known(scene.studio, folder)


def _wait(scene: Scene, holds: Callable[[], bool], within_s: float, what: str) -> None:
    """Wait for something that the product does by itself; a fault where it does not."""
    last_look = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > last_look:
            scene.ledger.fault(REPAIR, f"waited in vain {what}")
            return
        time.sleep(LOOK_EVERY_S)


def _defects(scene: Scene) -> list[str]:
    """Lines of the log that tell of a defect in the product."""
    return [line for line in scene.product.log().splitlines() if '"code": "internal"' in line or "unforeseen" in line]
