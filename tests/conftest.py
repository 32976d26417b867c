"""What holds for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent

# the machines are noisy: how long an example takes says nothing
settings.register_profile("project", deadline=None)
# what lands must not hang on chance; people's machines go on looking for new examples
settings.register_profile("ci", settings.get_profile("project"), derandomize=True)
# HYPOTHESIS_PROFILE=thorough make test-unit
settings.register_profile("thorough", settings.get_profile("project"), max_examples=1500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "project"))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run side by side, those that share a local AWS stay together.

    Each way for e-mail has one of its own, unless an emulator is given.
    """
    given = os.environ.get("AWS_ENDPOINT_URL")
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder != "unit":
            called_with = getattr(item, "callspec", None)
            way = called_with.params.get("system") if called_with else None
            group = folder if given else f"{folder} {way or 'sns'}"
            item.add_marker(pytest.mark.xdist_group(group))
