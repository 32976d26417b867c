"""What SES tells of a mail after it has taken it, from the bounce to the person who sees why."""

import secrets

import pytest

from scripts.catalogue import Catalogue
from tests.deployment import Deployment
from tests.samples import sample

# SNS tells nothing of a mail that bounces
pytestmark = [
    pytest.mark.needs("mailbox", "trigger", "opt-in"),
    pytest.mark.parametrize("system", ["ses"], indirect=True),
]


@pytest.mark.parametrize(("simulated", "reason"), [("bounce", "Bounce"), ("complaint", "Complaint")])
def test_a_mail_that_comes_back_stops_e_mail_until_the_person_resumes(
    system: Deployment, simulated: str, reason: str
) -> None:
    member, data = system.member(), sample(Catalogue.example("shop"), "promotions")
    address = f"{simulated}+{secrets.token_hex(4)}@simulator.amazonses.com"
    system.change_record(member.person, Email=address)

    row = system.wait_state(system.ask("promotions", member.person, data=data), "FAILED")
    assert (row["Reason"], row["Results"]["Email"]["Reason"]) == (reason, reason)
    shown = member.call("GET", "/preferences").json()
    assert shown["channels"]["Email"] == {"state": "stopped", "reason": reason}
    (shown,) = (
        one
        for one in member.call("GET", "/notifications").json()["notifications"]
        if one["id"] == row["NotificationID"]
    )
    assert (shown["state"], shown["reason"]) == ("FAILED", reason)

    row = system.wait_state(system.ask("promotions", member.person, data=data), "SKIPPED")
    assert row["Results"]["Email"]["Reason"] == f"Stopped: {reason}"
    assert len(system.application.mailbox.of(address)) == 1

    system.change_record(member.person, Email=member.person.email)
    member.prefer(resume=["Email"])
    assert member.call("GET", "/preferences").json()["channels"]["Email"] == {"state": "ready"}
    system.wait_state(system.ask("promotions", member.person, data=data), "SENT")
