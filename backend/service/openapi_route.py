"""The route that tells of all routes."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from backend.service.openapi.document import openapi_document

openapi_routes = Blueprint("openapi", __name__)


@openapi_routes.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    return jsonify(openapi_document())
