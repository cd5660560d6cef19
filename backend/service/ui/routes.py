"""The addresses of the status page: reading with GET, the buttons with POST and a redirect behind it."""

from __future__ import annotations

import re

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from backend.errors import RequestError
from backend.service.access_log import about_project
from backend.service.services import services
from backend.service.ui.forms import read_form
from backend.service.ui.frame import frame
from backend.service.ui.project_view import ProjectView, project_folder, project_view
from backend.service.ui.service_view import service_view
from backend.versions.store import VersionStore

ui = Blueprint("ui", __name__, url_prefix="/ui", template_folder="templates", static_folder="static")
frame(ui)

DONE = {
    "promoted": "From now on the chosen version is served.",
    "rolled-back": "The version that was served before is served again.",
    "training": "A training run was asked for; it begins within seconds when a worker is free.",
}
"""What a page says after a button was pressed, by the word in its address."""


@ui.get("")
def overview() -> ResponseReturnValue:
    return render_template("overview.html", service=service_view(*services().health.picture()))


@ui.get("/part")
def overview_part() -> ResponseReturnValue:
    """The part of the overview that changes by itself."""
    return render_template("overview_part.html", service=service_view(*services().health.picture()))


@ui.get("/projects/<int:number>")
def project(number: int) -> ResponseReturnValue:
    return render_template(
        "project.html",
        project=_project(number),
        least_annotations=services().settings.train_min_annotations,
        done=DONE.get(request.args.get("done", ""), ""),
        token=services().form_tokens.new(),
    )


@ui.get("/projects/<int:number>/training")
def training_part(number: int) -> ResponseReturnValue:
    """The part of a project's page that changes by itself."""
    return render_template("training_part.html", project=_project(number))


@ui.post("/projects/<int:number>/train")
def train(number: int) -> ResponseReturnValue:
    read_form(request, services().form_tokens)
    folder = project_folder(services().settings, number)
    about_project(number)
    services().projects.start_training(folder.project_id)
    return _back_to(number, "training")


@ui.post("/projects/<int:number>/promote")
def promote(number: int) -> ResponseReturnValue:
    form = read_form(request, services().form_tokens)
    store = _store(number)
    store.promote(_version(form.get("version", "")), "promoted by hand")
    return _back_to(number, "promoted")


@ui.post("/projects/<int:number>/rollback")
def rollback(number: int) -> ResponseReturnValue:
    form = read_form(request, services().form_tokens)
    store = _store(number)
    if store.current() != _version(form.get("live", "")):  # else a button pressed twice goes back twice
        message = "another version is live than when the page was loaded: nothing was done"
        raise RequestError("changed_meanwhile", message, "look at the page again", status=409)
    store.rollback("rolled back by hand")
    return _back_to(number, "rolled-back")


@ui.get("/doctor")
def doctor() -> ResponseReturnValue:
    examination = services().examination
    examination.look()
    return render_template("doctor.html", examination=examination.view(), token=services().form_tokens.new())


@ui.get("/doctor/part")
def doctor_part() -> ResponseReturnValue:
    """The findings so far."""
    return render_template("doctor_part.html", examination=services().examination.view())


@ui.post("/doctor")
def examine_again() -> ResponseReturnValue:
    read_form(request, services().form_tokens)
    services().examination.look(fresh_s=0)
    return redirect(url_for("ui.doctor"), 303)


def _project(number: int) -> ProjectView:
    about_project(number)
    known = services()
    facts = known.health.picture()[0]["projects"].get(str(number), {})
    return project_view(
        known.settings,
        number,
        queued=known.health.queued(),
        degraded=facts.get("degraded", ()),
    )


def _store(number: int) -> VersionStore:
    about_project(number)
    return VersionStore(project_folder(services().settings, number))


def _version(text: str) -> int:
    if re.fullmatch(r"[1-9][0-9]{0,11}", text, re.ASCII) is None:
        raise RequestError("bad_version", "the version must be a number", "use the buttons of the page itself")
    return int(text)


def _back_to(number: int, done: str) -> ResponseReturnValue:
    return redirect(url_for("ui.project", number=number, done=done), 303)
