"""The service described as OpenAPI 3.1: what each route takes and answers, for people, clients and tests.

Takes nothing, gives the document that `/openapi.json` answers; `docs/API.md` is made of it (`scripts/api_page.py`), and
`tests/service/test_openapi.py` holds it against the routes and against what Label Studio really sends.
"""
