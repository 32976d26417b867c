"""The numbers that AWS documents, each of which a test may shorten through the server's environment."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Limits:
    """What AWS fixes and the adapter enforces.

    Sources: "Customizing user pool workflows with Lambda triggers" (5 s, three attempts), "Amazon SNS
    now supports automatic deletion of unconfirmed subscriptions" (48 hours), "Amazon SNS endpoints and
    quotas" (200 filter policies per topic), "Lambda quotas" (4 KB of environment variables).
    """

    trigger_seconds: float = 5.0
    trigger_attempts: int = 3
    pending_seconds: float = 48 * 3600.0
    filter_policies_per_topic: int = 200
    environment_bytes: int = 4096

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Limits:
        """Read `LOCAL_AWS_<FIELD>`; a missing one keeps AWS's value.

        Raises ValueError naming the variable when its value is not a number.
        """
        given: dict[str, Any] = {}
        for field in fields(cls):
            variable = f"LOCAL_AWS_{field.name.upper()}"
            if text := environ.get(variable):
                try:
                    given[field.name] = int(text) if field.type == "int" else float(text)
                except ValueError:
                    raise ValueError(f"{variable} must be a number, not {text!r}.") from None
                if not 0 <= given[field.name] < math.inf:
                    raise ValueError(f"{variable} must be a number from 0 on, not {text!r}.")
        return cls(**given)
