"""Requests that are made of the served description, right ones and wrong ones: no answer contradicts it."""

import base64
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
)

from soapsvc import serving
from soapsvc.rest import openapi
from soapsvc.rest.services import Urls
from soapsvc.settings import Settings
from tests.conftest import PASSWORD
from tests.rest.conftest import BASE, PUBLIC

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "2"))
SUPERVISOR = {"Authorization": f"Basic {base64.b64encode(f'supervisor:{PASSWORD}'.encode()).decode()}"}
# What only looks as if it must succeed: a filter or a cursor is a text of a language, and a version may be another's.
ACCEPTED = ["2xx", "304", "400", "401", "403", "404", "409", "412", "422"]
CONFIG = schemathesis.Config(
    projects=ProjectsConfig(
        default=ProjectConfig(
            generation=GenerationConfig(max_examples=EXAMPLES, deterministic=True, with_security_parameters=False),
            checks=ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=ACCEPTED)),
        )
    )
)
SCHEMA: Any = schemathesis.openapi.from_dict(openapi.document(Urls(PUBLIC)), config=CONFIG)


@pytest.fixture(scope="module")
def address(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a service is, which the supervisor may ask for everything."""
    path = shutil.copy(template, tmp_path_factory.mktemp("schemathesis") / "soapsvc.db")
    settings = Settings(
        database=f"sqlite:///{path}", port=serving.free_port(), credential_seconds=60, throttle_seconds=0
    )
    with serving.opened_service(settings) as service, serving.in_thread(service, settings):
        yield settings.address


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@SCHEMA.parametrize()
def test_an_answer_is_one_that_the_description_allows(case: Any, address: str, session: requests.Session) -> None:
    case.call_and_validate(base_url=f"{address}{BASE}", session=session, headers=SUPERVISOR)
