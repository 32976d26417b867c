"""What holds for all tests."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
# half of what the integration tests take
APART = {"test_account", "test_api", "test_catalogues"}

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

    Each way for e-mail has one of its own, and the longest of them a second one, unless an emulator is given.
    """
    given = os.environ.get("AWS_ENDPOINT_URL")
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder != "unit":
            called_with = getattr(item, "callspec", None)
            way = called_with.params.get("system") if called_with else None
            apart = " apart" if way == "ses" and item.path.stem in APART else ""
            group = folder if given else f"{folder} {way or 'sns'}{apart}"
            item.add_marker(pytest.mark.xdist_group(group))
