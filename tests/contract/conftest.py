"""What the tests of the published contract need from outside: the official schema of AsyncAPI."""

import os
from typing import Any

import pytest

from tests.contract.official import asyncapi_schema
from tests.npm import NpmUnavailableError


@pytest.fixture(scope="session")
def official_asyncapi() -> dict[str, Any]:
    """Where npm is missing the test is skipped, with a notice at the end; with REQUIRE_NPM=1 it fails."""
    try:
        return asyncapi_schema()
    except NpmUnavailableError as error:
        if os.environ.get("REQUIRE_NPM") == "1":
            pytest.fail(f"REQUIRE_NPM=1, and {error}", pytrace=False)
        pytest.skip(f"no official AsyncAPI schema: {error}")
