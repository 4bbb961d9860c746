"""What the tests with a real Docker Engine share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fairlead_testing.engine_image import image_on_the_engine


@pytest.fixture(scope="session")
def engine_image() -> Iterator[str]:
    with image_on_the_engine() as reference:
        yield reference
