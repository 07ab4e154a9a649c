"""The served document is valid, complete, and true."""

from __future__ import annotations

from typing import Any, cast

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.routing import Route

from app.main import api_routes, create_app, permissions
from app.operation import Operation
from runner.model import Role
from tests.factories import Site, settings_for

URL = "/api/v1/openapi.json"


async def test_it_is_valid_openapi_3_1(site: Site) -> None:
    document = (await site.client.get(URL)).json()
    assert document["openapi"].startswith("3.1")
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


async def test_every_route_is_in_it_with_its_role_and_problems(site: Site) -> None:
    document = (await site.client.get(URL)).json()
    seen: set[str] = set()
    for route in api_routes():
        operation = cast(Operation, route.endpoint)
        for method in (route.methods or set()) - {"HEAD"}:
            described = document["paths"][route.path_format][method.lower()]
            assert described["summary"] and described["operationId"] not in seen
            seen.add(described["operationId"])
            problem = {"$ref": "#/components/schemas/ProblemDetails"}
            if operation.permission is None:
                assert described["security"] == []
            else:
                assert described["x-role"] in list(Role)
                for status in ("401", "403"):
                    content = described["responses"][status]["content"]
                    assert content == {"application/problem+json": {"schema": problem}}
            if "{" in route.path:
                assert "404" in described["responses"]
            if operation.body is not None:
                assert {"400", "413", "415", "422"} <= set(described["responses"])
    assert len(seen) >= 25


async def test_names_are_camel_case_and_models_keep_their_names(site: Site) -> None:
    document = (await site.client.get(URL)).json()
    schemas = document["components"]["schemas"]
    assert {"Graph", "OrchestratorDetail", "RunDetail", "LogLine", "ProblemDetails"} <= set(schemas)
    assert schemas["Orchestrator"]["properties"]["definition"] == {"$ref": "#/components/schemas/Graph"}
    assert set(schemas["LastRun"]["required"]) == {"id", "status", "startedAt", "finishedAt"}
    for name, schema in schemas.items():
        for field in schema.get("properties", {}):
            assert "_" not in field, f"{name}.{field}"
    run = document["paths"]["/api/v1/orchestrator/{id}/run"]["post"]
    headers = {p["name"] for p in run["parameters"] if p["in"] == "header"}
    assert headers == {"idempotency-key", "prefer"}
    assert run["requestBody"]["required"] is False
    assert set(run["responses"]) >= {"200", "202", "404", "409", "422"}
    listed = document["paths"]["/api/v1/orchestrator/runs"]["get"]
    status = next(p for p in listed["parameters"] if p["name"] == "status")
    assert status["schema"]["type"] == "array" and "RUNNING" in str(status["schema"])


def test_a_route_that_says_nothing_about_permission_does_not_start(tmp_path: Any) -> None:
    create_app(settings_for("postgresql+asyncpg://x/y", tmp_path))

    async def open_door(_: object) -> None: ...

    with pytest.raises(TypeError, match="who may call it"):
        permissions([Route("/door", open_door)])
