"""The whole description."""

from __future__ import annotations

from functools import cache

from backend.service.openapi.answers import ANSWERS
from backend.service.openapi.parts import Schema
from backend.service.openapi.paths import error_responses, paths
from backend.service.openapi.requests import REQUESTS

API_VERSION = "0.1.0"


@cache
def openapi_document() -> Schema:
    """The service as OpenAPI 3.1, to be read and not changed."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "LayoutLMv3 backend for Label Studio",
            "version": API_VERSION,
            "description": "What Label Studio calls, and what is there for people and for Prometheus.",
        },
        "security": [{}, {"basic": []}],
        "paths": paths(),
        "components": {
            "schemas": REQUESTS | ANSWERS,
            "responses": error_responses(),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "`BASIC_AUTH_USER` and `BASIC_AUTH_PASS`, where they are set",
                },
                "webhookKey": {
                    "type": "apiKey",
                    "in": "query",
                    "name": "key",
                    "description": "`WEBHOOK_KEY`, where it is set",
                },
            },
        },
    }
