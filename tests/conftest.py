"""What holds for all tests."""

import os

from hypothesis import settings

# the machines are noisy: how long an example takes says nothing
settings.register_profile("project", deadline=None)
# what lands must not hang on chance; people's machines go on looking for new examples
settings.register_profile("ci", settings.get_profile("project"), derandomize=True)
# HYPOTHESIS_PROFILE=thorough make test-unit
settings.register_profile("thorough", settings.get_profile("project"), max_examples=1500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "project"))
