"""What the OpenAPI promises holds for requests that schemathesis makes up, sensible and not.

One check is left out: that what fits the schema is accepted. No schema says which bytes are a
picture.
"""

from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pix2pix.serve.app import create_app, page_files
from pix2pix.serve.service import Service

load_all_checks()
OPERATIONS = {
    "GET /api/models",
    "POST /api/models/{name}/translate",
    "GET /api/models/{name}/examples/{number}/{which}",
    "GET /health",
    "GET /metrics",
}


@pytest.fixture
def api(service: Service, models: Path) -> schemathesis.BaseSchema:
    app = create_app(service, page_files(models / "page"), ["http://testserver"])
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def try_out(api: schemathesis.BaseSchema, label: str, mode: GenerationMode, examples: int) -> None:
    operation = {o.label: o for o in (result.ok() for result in api.get_all_operations())}[label]

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case: schemathesis.Case) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    send()


def test_all_operations_are_tried_out(api: schemathesis.BaseSchema) -> None:
    assert {result.ok().label for result in api.get_all_operations()} == OPERATIONS


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", [label for label in sorted(OPERATIONS) if "{" in label])
def test_promises_are_kept(api: schemathesis.BaseSchema, label: str, mode: GenerationMode) -> None:
    try_out(api, label, mode, 10)


@pytest.mark.parametrize("label", [label for label in sorted(OPERATIONS) if "{" not in label])
def test_plain_promises_are_kept(api: schemathesis.BaseSchema, label: str) -> None:
    try_out(api, label, GenerationMode.POSITIVE, 2)


@pytest.mark.slow
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("label", [label for label in sorted(OPERATIONS) if "{" in label])
def test_promises_are_kept_at_length(api: schemathesis.BaseSchema, label: str, mode: GenerationMode) -> None:
    try_out(api, label, mode, 300)
