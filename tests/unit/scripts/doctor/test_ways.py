"""The ways out: SNS, SES, SMS, and the HTTP API."""

import json
from typing import Any

import httpx
import pytest

from scripts.doctor.checks.api import api
from scripts.doctor.checks.ses import ses
from scripts.doctor.checks.sms import sms
from scripts.doctor.checks.topic import topic
from scripts.doctor.findings import Status

from .conftest import BROKEN, OK, OUTPUTS, WARNING, Clinic, arn, metrics

TOPIC = OUTPUTS["notification_topic_arn"]
POLICY = json.dumps({"Statement": [{"Effect": "Deny", "Action": "sns:Publish"}]})


def subscriptions(confirmed: int, pending: int) -> dict[str, Any]:
    """ListSubscriptionsByTopic's answer."""
    arns = [f"{TOPIC}:{number}" for number in range(confirmed)] + ["PendingConfirmation"] * pending
    return {"Subscriptions": [{"SubscriptionArn": each} for each in arns]}


@pytest.fixture
def published(clinic: Clinic) -> Clinic:
    return clinic.knowing("aws_sns_topic_policy", arn=TOPIC, policy=POLICY).answering(
        sns__GetTopicAttributes={
            "Attributes": {"TopicArn": TOPIC, "Policy": json.dumps(json.loads(POLICY), indent=2)}
        },
        sns__ListSubscriptionsByTopic=subscriptions(3, 2),
        sns__GetSubscriptionAttributes={"Attributes": {"FilterPolicy": '{"recipient": ["a"]}'}},
    )


@pytest.mark.parametrize(
    ("confirmed", "pending", "status"),
    [(3, 2, None), (100, 60, WARNING), (100, 100, BROKEN), (200, 1, WARNING)],
)
def test_filter_policies_are_counted_also_of_those_who_have_not_opted_in(
    published: Clinic, confirmed: int, pending: int, status: Status | None
) -> None:
    found = published.answering(sns__ListSubscriptionsByTopic=subscriptions(confirmed, pending)).look(topic)
    (counted,) = (finding for finding in found if finding.check == "topic.filter_policies")
    assert f"{confirmed + pending} of 200 used, {pending} of them" in counted.seen
    assert counted.status is (status or OK)
    assert ("AWS has given more" in counted.seen) == (confirmed + pending > 200)


@pytest.mark.parametrize("own", ["", '{"category": ["x"]}'])
def test_a_subscription_that_gets_everything_is_named(published: Clinic, own: str) -> None:
    attributes = {"FilterPolicy": own} if own else {}
    found = published.answering(sns__GetSubscriptionAttributes={"Attributes": attributes}).look(topic)
    assert [f.about for f in found if f.status is BROKEN] == [f"{TOPIC}:{n}" for n in range(3)]


def test_of_very_many_that_get_everything_the_first_are_named_and_the_others_counted(
    published: Clinic,
) -> None:
    found = published.answering(
        sns__ListSubscriptionsByTopic=subscriptions(150, 0), sns__GetSubscriptionAttributes={"Attributes": {}}
    ).look(topic)
    named = [f.about for f in found if f.check == "topic.subscriptions"]
    assert (len(named), named[-1]) == (11, "140 more subscriptions")


def test_one_that_was_ended_is_listed_for_days_and_is_none(published: Clinic) -> None:
    """Asked about as an ARN it is an error."""
    listed = {"Subscriptions": [*subscriptions(1, 1)["Subscriptions"], {"SubscriptionArn": "Deleted"}]}
    looked = published.answering(sns__ListSubscriptionsByTopic=listed)
    assert "2 of 200 used, 1 of them" in looked.seen(topic)["topic.filter_policies"]
    assert {given["SubscriptionArn"] for given in looked.aws.given("sns.GetSubscriptionAttributes")} == {
        f"{TOPIC}:0"
    }


def test_what_may_not_be_seen_of_many_subscriptions_is_one_line(published: Clinic) -> None:
    found = published.answering(
        sns__ListSubscriptionsByTopic=subscriptions(150, 0),
        sns__GetSubscriptionAttributes="AuthorizationError",
    ).look(topic)
    (denied,) = (f for f in found if f.check == "topic.subscriptions")
    assert (denied.status, denied.about) == (WARNING, "150 subscriptions")
    assert "GetSubscriptionAttributes is not allowed" in denied.seen


def test_subscriptions_beyond_what_is_looked_at_are_told(
    published: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.doctor.checks.topic.MOST", 2)
    looked = published.answering(sns__ListSubscriptionsByTopic=subscriptions(5, 0))
    (beyond,) = (f for f in looked.look(topic) if f.check == "topic.subscriptions")
    assert (beyond.status, beyond.about) == (WARNING, "3 more subscriptions")
    assert len(looked.aws.given("sns.GetSubscriptionAttributes")) == 2


def test_a_subscription_that_ends_meanwhile_is_no_matter(published: Clinic) -> None:
    assert published.answering(sns__GetSubscriptionAttributes="NotFound").told(topic) == {}


def test_a_topic_that_is_gone_or_open(published: Clinic) -> None:
    assert published.answering(sns__GetTopicAttributes="NotFound").told(topic)["topic.there"][0] is BROKEN
    opened = {"Attributes": {"TopicArn": TOPIC, "Policy": "{}"}}
    assert published.answering(sns__GetTopicAttributes=opened).told(topic)["topic.policy"][0] is BROKEN


def test_by_ses_subscriptions_are_nothing_to_look_at(published: Clinic) -> None:
    by_ses = published.giving(email_delivery="ses").answering(sns__ListSubscriptionsByTopic="AccessDenied")
    assert by_ses.told(topic) == {}


# ---------------------------------------------------------------- SES


EVENTS = arn("sns", "people-email-events")
DESTINATION = {
    "Name": "people-feedback",
    "Enabled": True,
    "MatchingEventTypes": ["BOUNCE", "COMPLAINT"],
    "SnsDestination": {"TopicArn": EVENTS},
}
ACCOUNT = {
    "SendingEnabled": True,
    "ProductionAccessEnabled": True,
    "EnforcementStatus": "HEALTHY",
    "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 10.0},
}
IDENTITY = {
    "IdentityType": "DOMAIN",
    "VerifiedForSendingStatus": True,
    "DkimAttributes": {"SigningEnabled": True, "Status": "SUCCESS"},
}


@pytest.fixture
def mailed(clinic: Clinic) -> Clinic:
    return (
        clinic.giving(email_delivery="ses", ses_identity_arn=arn("ses", "identity/example.com"))
        .knowing(
            "aws_sesv2_configuration_set_event_destination",
            configuration_set_name="people",
            event_destination=[{"sns_destination": [{"topic_arn": EVENTS}]}],
        )
        .knowing("aws_sns_topic_subscription", topic_arn=EVENTS, endpoint="feedback")
        .knowing("aws_lambda_function", environment=[{"variables": {"CHANNEL_RATES": '{"Email": 10}'}}])
        .answering(
            sesv2__GetAccount=ACCOUNT,
            sesv2__GetEmailIdentity=IDENTITY,
            sesv2__GetConfigurationSet={"SendingOptions": {"SendingEnabled": True}},
            sesv2__GetConfigurationSetEventDestinations={"EventDestinations": [DESTINATION]},
            sns__ListSubscriptionsByTopic={"Subscriptions": [{"Endpoint": "feedback"}]},
        )
    )


def test_ses_that_works(mailed: Clinic) -> None:
    assert mailed.told(ses) == {}


def quota(sent: float, most: float = 200.0, rate: float = 14.0) -> dict[str, Any]:
    return {**ACCOUNT, "SendQuota": {"Max24HourSend": most, "MaxSendRate": rate, "SentLast24Hours": sent}}


@pytest.mark.parametrize(
    ("call", "answer", "check", "status"),
    [
        ("GetAccount", {**ACCOUNT, "SendingEnabled": False}, "ses.sending", BROKEN),
        ("GetAccount", {**ACCOUNT, "EnforcementStatus": "SHUTDOWN"}, "ses.sending", BROKEN),
        ("GetAccount", {**ACCOUNT, "EnforcementStatus": "PROBATION"}, "ses.sending", WARNING),
        ("GetAccount", {**ACCOUNT, "ProductionAccessEnabled": False}, "ses.sandbox", WARNING),
        ("GetAccount", quota(170), "ses.quota", WARNING),
        ("GetAccount", quota(200), "ses.quota", BROKEN),
        ("GetAccount", quota(0, rate=1), "ses.rate", WARNING),
        ("GetEmailIdentity", "NotFoundException", "ses.identity", BROKEN),
        (
            "GetEmailIdentity",
            {**IDENTITY, "VerifiedForSendingStatus": False, "VerificationStatus": "FAILED"},
            "ses.identity",
            BROKEN,
        ),
        (
            "GetEmailIdentity",
            {**IDENTITY, "DkimAttributes": {"Status": "FAILED"}},
            "ses.dkim",
            WARNING,
        ),
        ("GetConfigurationSet", "NotFoundException", "ses.events", BROKEN),
        ("GetConfigurationSet", {"SendingOptions": {"SendingEnabled": False}}, "ses.paused", BROKEN),
        ("GetConfigurationSetEventDestinations", {"EventDestinations": []}, "ses.events", BROKEN),
        (
            "GetConfigurationSetEventDestinations",
            {"EventDestinations": [{**DESTINATION, "MatchingEventTypes": ["BOUNCE"]}]},
            "ses.events",
            BROKEN,
        ),
    ],
)
def test_ses_that_does_not(mailed: Clinic, call: str, answer: Any, check: str, status: Status) -> None:
    told = mailed.answering(**{f"sesv2__{call}": answer}).told(ses)
    assert {name: state for name, (state, _words) in told.items()} == {check: status}


def test_bounces_that_no_function_hears_of(mailed: Clinic) -> None:
    told = mailed.answering(sns__ListSubscriptionsByTopic={"Subscriptions": []}).told(ses)
    assert told["ses.events"][0] is BROKEN


def test_without_a_limit_there_is_nothing_to_count(mailed: Clinic) -> None:
    assert mailed.answering(sesv2__GetAccount=quota(10**6, most=-1)).told(ses) == {}


def test_ses_is_looked_at_where_cognito_alone_sends_by_it(mailed: Clinic) -> None:
    codes = mailed.giving(email_delivery="sns")
    assert codes.answering(sesv2__GetEmailIdentity="NotFoundException").told(ses)["ses.identity"][0] is BROKEN


def test_ses_that_nobody_uses_is_not_looked_at(clinic: Clinic) -> None:
    assert clinic.told(ses) == {}
    assert clinic.aws.calls == []


# ---------------------------------------------------------------- SMS


@pytest.mark.parametrize(
    ("sandbox", "limit", "spent", "told"),
    [
        (False, "100", 10, {}),
        (True, "100", 10, {"sms.sandbox": WARNING}),
        (False, "100", 85, {"sms.limit": WARNING}),
        (False, "100", 100, {"sms.limit": BROKEN}),
        (False, None, 0, {"sms.limit": WARNING}),
        (False, None, 1, {"sms.limit": BROKEN}),
    ],
)
def test_sms(clinic: Clinic, sandbox: bool, limit: str | None, spent: float, told: dict[str, Status]) -> None:
    looked = clinic.answering(
        sns__GetSMSSandboxAccountStatus={"IsInSandbox": sandbox},
        sns__GetSMSAttributes={"attributes": {"MonthlySpendLimit": limit} if limit else {}},
        cloudwatch__GetMetricData=metrics(SMSMonthToDateSpentUSD=spent),
    )
    assert {name: state for name, (state, _words) in looked.told(sms).items()} == told
    (given,) = looked.aws.given("cloudwatch.GetMetricData")
    assert given["StartTime"].isoformat() == "2026-06-01T00:00:00+00:00", "from the first of the month"


def test_one_of_the_two_that_cannot_be_looked_at_hides_not_the_other(clinic: Clinic) -> None:
    told = clinic.answering(sns__GetSMSSandboxAccountStatus={"IsInSandbox": True}).told(sms)
    assert "not looked at" in told["sms.limit"][1]
    assert "verified numbers" in told["sms.sandbox"][1]


# ---------------------------------------------------------------- the HTTP API


@pytest.mark.parametrize(
    ("public", "protected", "told"),
    [
        (400, 401, {}),
        (400, 403, {}),
        (500, 401, {"api.reached": BROKEN}),
        (503, 401, {"api.reached": BROKEN}),
        (404, 401, {"api.reached": BROKEN}),
        (400, 200, {"api.protected": BROKEN}),
    ],
)
def test_the_api_answers_and_lets_nobody_in(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, public: int, protected: int, told: dict[str, Status]
) -> None:
    def get(url: str, **_more: Any) -> httpx.Response:
        return httpx.Response(public if url.endswith("/unsubscribe") else protected)

    monkeypatch.setattr(httpx, "get", get)
    assert {name: state for name, (state, _words) in clinic.told(api).items()} == told


def test_an_api_that_is_not_reached(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    def get(_url: str, **_more: Any) -> httpx.Response:
        raise httpx.ConnectTimeout("no")

    monkeypatch.setattr(httpx, "get", get)
    assert clinic.told(api)["api.reached"][0] is BROKEN
