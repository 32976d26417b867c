"""What holds for all tests."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler import LoadScopeScheduling

# half of what the integration tests by SES take
APART = {"test_account", "test_api", "test_catalogues", "test_requests"}

# the machines are noisy: how long an example takes says nothing
settings.register_profile("project", deadline=None)
# what lands must not hang on chance; people's machines go on looking for new examples
settings.register_profile("ci", settings.get_profile("project"), derandomize=True)
# HYPOTHESIS_PROFILE=thorough make test-unit
settings.register_profile("thorough", settings.get_profile("project"), max_examples=1500)
# a mutant is looked for with few examples, and one that was found is not made smaller
settings.register_profile(
    "mutation",
    settings.get_profile("ci"),
    max_examples=20,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "project"))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return ByEmulator(config, log)


class ByEmulator(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Where tests run side by side, those that share a local AWS stay together; all others go anywhere.

    Each way for e-mail has one of its own, and the longer of them a second one, unless an emulator is given.
    That makes four groups, which take about as long as each other, for four workers.

    xdist's own loadgroup sees no groups with pytest 9.2: that has no `_nodeid` any more.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, test = nodeid.split("::", 1)
        _, folder, *_ = file.split("/")
        if folder == "unit" or Path(file).stem == "test_checks":
            return nodeid
        if folder == "plan_review":  # shares its plans, and no local AWS
            return folder
        if folder != "integration":
            return "parts"
        way = re.search(r"[\[-](sns|ses)[]-]", test)
        if way is None or os.environ.get("AWS_ENDPOINT_URL"):
            return folder
        return f"{way[1]} apart" if way[1] == "ses" and Path(file).stem in APART else way[1]
