"""What holds for all tests."""

from hypothesis import settings

# the machines are noisy: how long an example takes says nothing
settings.register_profile("project", deadline=None)
settings.load_profile("project")
