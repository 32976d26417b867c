"""Cognito's post-confirmation trigger: stores who has confirmed a sign-up, and nothing else.

Its worst case must stay below the five seconds that Cognito waits, so it makes one call and imports
only what that call needs.
"""

import logging
from datetime import UTC, datetime
from typing import Any

from notifications.clients import TRIGGER, client
from notifications.registration import Registry, person_of
from notifications.settings import Settings

# Lambda has installed a handler of its own by now; anywhere else the lines would be lost
logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
log = logging.getLogger(__name__)

_settings = Settings.load()
_registry = Registry(client("dynamodb", TRIGGER), _settings.user_table, _settings.notification_table)


def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Registers the person of a confirmed sign-up; every other event goes back untouched.

    Raises:
        RegistrationError: it could not be stored. Cognito shows its message to the person, who is
            confirmed all the same; reconciliation finds them.
    """
    person = person_of(event)
    if person:
        stored = _registry.register(person, datetime.now(UTC))
        log.info("registered sub=%s new=%s", person.sub, stored)
    return event
