"""No personal data outside the tables, the queues and the messages."""

import json
import re
from typing import Any

import pytest

from scripts.catalogue import Catalogue
from scripts.person import Application, Person, wait_for
from tests.deployment import Deployment
from tests.samples import order, sample
from tests.traces import Known, logged

from .test_account import finish, furnished
from .test_api import code_of
from .test_catalogues import LINK
from .test_failures import mail_is_refused

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
# what API Gateway may write of a request: "Customize HTTP API access logs" has far more
HARMLESS = {"integrationErrorMessage", "responseLatency", "requestId", "routeKey", "status"}


def counted(system: Deployment) -> str:
    """The metrics that there are, with their dimensions."""
    pages = system.client("cloudwatch").get_paginator("list_metrics").paginate()
    return json.dumps([metric for page in pages for metric in page["Metrics"]])


def test_no_log_line_and_no_metric_holds_an_address_a_username_or_a_number(
    system: Deployment, application: Application
) -> None:
    known, leaving = furnished(system), furnished(system)
    member, refused, broken = known.member, Person(), Person()
    with mail_is_refused(system):
        system.wait_state(f"welcome#{application.register(refused)}", "RETRY", within=40)
    application.sign_up(broken)
    with (
        system.changed("post_confirmation", USER_TABLE="no-such-table"),
        pytest.raises(application.cognito.exceptions.UserLambdaValidationException),
    ):
        application.confirm(broken, application.code(broken))

    promotion = sample(Catalogue.example("shop"), "promotions")
    everyone = system.ask("promotions", "everyone", data=promotion)
    wait_for("the broadcast", lambda: system.notification(everyone), within=30)
    system.invoke("broadcast", {})
    system.wait_for_one_of(everyone, member.sub, "SENT")
    answers_of_the_api(system, known)
    if system.way == "ses":
        system.change_record(member.person, Email="bounce@simulator.amazonses.com")
        asked = system.ask("promotions", member.person, data=promotion)
        assert system.wait_state(asked, "FAILED")["Reason"] == "Bounce"
    leaving.erase()
    finish(system, leaving.job)

    lines = list(logged(system))
    everything = "\n".join(lines)
    assert member.sub in everything, "the logs are the right ones"
    assert "registration not stored: AccessDeniedException" in everything
    # JSON of the runtime and of Powertools: whoever logs has run
    services = set(re.findall(r'"service": ?"(\w+)"', everything))
    assert services >= {"api", "broadcast", "deliver", "enqueue", "erase", "sweep"}
    metrics = counted(system)
    people = [member.person, leaving.member.person, refused, broken]
    words = [*known.words, *leaving.words, *(person.username for person in people)]
    for word in ("@", "+1555", *words):
        assert not [line for line in lines if word in line], word
        assert word not in metrics


def answers_of_the_api(system: Deployment, known: Known) -> None:
    """Each kind of answer: with what is right, what is wrong, and when AWS fails."""
    member = known.member
    number = f"{member.phone[:-1]}{(int(member.phone[-1]) + 1) % 10}"
    for method, path, body in (
        ("GET", "/preferences", None),
        ("GET", "/notifications", None),
        ("PUT", "/preferences", {"version": -1}),
        ("PUT", "/preferences", {"version": 0, member.person.email: member.phone}),
        ("POST", "/devices", {"platform": member.person.username, "token": member.person.email}),
        ("PUT", "/phone", {"phone_number": number}),
        ("PUT", "/phone", {"phone_number": number, "code": "000000"}),
        ("DELETE", f"/devices/{member.person.email}", None),
        ("GET", f"/nowhere/{member.person.email}", None),
    ):
        body_of: dict[str, Any] = {"json": body} if body else {}
        assert member.call(method, path, **body_of).status_code < 500
    mails = system.application.mailbox.of(member.person.email)
    link = next(found for mail in mails if (found := LINK.search(mail.text)))
    assert member.call("POST", link[0].removeprefix(member.api)).status_code == 200
    with system.changed("api", USER_TABLE="no-such-table"):
        assert code_of(member.call("GET", "/preferences")) == (500, "internal")
    asked = system.ask("orders", member.person, data=order(9))
    system.wait_state(asked, "SENT")


def test_the_access_log_is_told_nothing_of_who_called_or_of_what_a_link_says(system: Deployment) -> None:
    gateway = system.client("apigatewayv2")
    api_id = system.outputs["api_endpoint"].rsplit("/", 1)[1].split(".")[0]
    log = gateway.get_stage(ApiId=api_id, StageName="$default")["AccessLogSettings"]
    assert set(re.findall(r"\$context\.([\w.]+)", log["Format"])) == HARMLESS
