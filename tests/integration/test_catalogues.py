"""Each of the ready-made catalogues, from the request to the message in the person's hands."""

import json
import re
from collections import Counter

import pytest

from notifications.message import Message
from notifications.templates import Templates
from scripts.catalogue import Catalogue
from scripts.person import Mail, wait_for
from tests.deployment import Deployment, Member
from tests.samples import sample

from .conftest import BATCHES

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
LINK = re.compile(r"https?://[^\s\"<>]+/unsubscribe\?token=[^\s\"<>&]+")


@pytest.mark.parametrize(
    ("catalogues", "application"),
    [pytest.param(number, name, id=name) for number, batch in enumerate(BATCHES) for name in batch],
    indirect=["catalogues"],
    scope="module",
)
def test_every_category_reaches_its_channels_with_its_texts_and_the_log_says_so(
    system: Deployment, reachable: Member, catalogues: dict[str, Catalogue], application: str
) -> None:
    catalogue = catalogues[application]
    before = received(system, reachable)
    asked = {
        key: system.ask(key, reachable.person, data=sample(catalogue, key)) for key in catalogue.categories
    }
    for key, category in catalogue.categories.items():
        row = system.wait_state(asked[key], "SENT", within=60)
        assert row["State"] == "SENT", row
        channels = set(category["channels"] or ["Email"])
        assert {target.split(":")[0] for target in row["Results"]} == channels
        assert {result["State"] for result in row["Results"].values()} == {"SENT"}
        for channel in channels:
            assert_received(system, reachable, catalogue, key, channel)
    meant = Counter(
        channel for one in catalogue.categories.values() for channel in one["channels"] or ["Email"]
    )
    assert received(system, reachable) - before == meant


def received(system: Deployment, member: Member) -> Counter[str]:
    """How many messages have reached somebody, by channel."""
    mailbox = system.application.mailbox
    return Counter(
        Email=len(mailbox.of(member.person.email)),
        SMS=len(mailbox.texts(member.phone)),
        Push=len(mailbox.pushes(member.device)),
    )


def assert_received(system: Deployment, member: Member, catalogue: Catalogue, key: str, channel: str) -> None:
    """The message is there, once, word for word as the template says it."""

    def rendered(unsubscribe_url: str) -> Message:
        assert catalogue.templates
        variables = {**sample(catalogue, key), "user": member.person.username}
        return Templates.of(catalogue.templates).render(key, channel, variables, unsubscribe_url)

    mailbox = system.application.mailbox
    if channel == "Email":
        critical = catalogue.categories[key]["critical"]

        def look() -> Mail | None:
            for mail in mailbox.of(member.person.email):
                link = LINK.search(mail.text)
                expected = rendered(link[0] if link else "")
                if mail.text.startswith(expected.text) and bool(link) is not critical:
                    assert system.way == "sns" or (mail.html, mail.subject) == (
                        expected.html,
                        expected.subject,
                    )
                    return mail
            return None

        wait_for(f"the mail of {key}", look, within=10)
    elif channel == "SMS":
        assert mailbox.texts(member.phone).count(rendered("").text) == 1
    else:
        expected = rendered("")
        pushed = [json.loads(push.message) for push in mailbox.pushes(member.device)]
        alert = {"title": expected.subject, "body": expected.text}
        assert [one["fcmV1Message"]["message"]["notification"] for one in pushed].count(alert) == 1
