"""From one way for e-mail to the other and back, in an environment that is in use."""

import pytest

from scripts.person import WELCOME, Person
from tests.deployment import Deployment
from tests.place import Place

from .test_registration import confirmed_by_administrator


@pytest.mark.needs("mailbox", "trigger", "opt-in")
@pytest.mark.parametrize("system", ["sns"], indirect=True)
def test_what_waits_is_sent_the_other_way_and_nothing_twice(place: Place, system: Deployment) -> None:
    waiting, welcomed = Person(), system.member()
    sub = system.application.register(waiting)
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")

    by_ses = place.deploy("ses")
    by_ses.sweep(f"welcome#{sub}")
    by_ses.wait_state(f"welcome#{sub}", "SENT")
    by_ses.application.mailbox.wait(waiting.email, WELCOME)
    unproven, unproven_sub = confirmed_by_administrator(by_ses)
    by_ses.wait_state(f"welcome#{unproven_sub}", "WAITING_OPT_IN")

    by_sns = place.deploy("sns")
    by_sns.sweep(f"welcome#{unproven_sub}")
    by_sns.welcomed(unproven, unproven_sub)
    for person in (waiting, welcomed.person, unproven):
        assert by_sns.welcomes_of(person) == [person.email]
