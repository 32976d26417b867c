"""The HTTP API as people's applications call it: what each route does, and whom it lets in."""

import json
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from pycognito.aws_srp import AWSSRP

from notifications.api.document import Operation, document, operations
from notifications.api.exchange import MAX_BODY_BYTES
from notifications.rows import unmarshal
from scripts.person import Person
from tests.deployment import Deployment, Member
from tests.promises import hold, modes
from tests.samples import code_in, new_number, order, parcel

from .conftest import ONCE
from .test_preferences import ALL_OFF, outcome

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")
SIGNED_IN = [operation for operation in operations() if operation.signed_in]
# a second or two, where AWS wants five minutes
HASTY_SECONDS = 2


def add_device(member: Member, token: str = "") -> tuple[str, str]:
    """Adds a device; returns its token and its id."""
    token = token or secrets.token_hex(16)
    added = member.call("POST", "/devices", json={"platform": "GCM", "token": token})
    assert added.status_code == 201, added.text
    return token, added.json()["id"]


def add_phone(system: Deployment, member: Member) -> str:
    """Verifies a new number."""
    number = new_number()
    assert member.call("PUT", "/phone", json={"phone_number": number}).status_code == 202
    code = code_in(system.application.mailbox.wait_text(number))
    verified = member.call("PUT", "/phone", json={"phone_number": number, "code": code})
    assert (verified.status_code, verified.json()) == (200, {"phone_number": number})
    return number


def code_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and reason of a refusal, which has the documented shape."""
    error = answer.json()["error"]
    assert isinstance(error["message"], str)
    assert error.keys() <= {"code", "message", "version"}
    return answer.status_code, error["code"]


def belongings(system: Deployment, member: Member) -> dict[str, Any]:
    """All that there is of a person: record, rows, sign-in, and what their devices and phone have got."""
    cognito = system.client("cognito-idp")
    account = cognito.admin_get_user(UserPoolId=system.pool, Username=member.person.username)
    record = system.user(member.person)
    sns, mailbox = system.client("sns"), system.application.mailbox
    return {
        "record": record,
        "rows": rows_of(system, member.person),
        "account": {name: account[name] for name in ("Username", "UserAttributes", "Enabled", "UserStatus")},
        "endpoints": [
            sns.get_endpoint_attributes(EndpointArn=device["EndpointArn"])["Attributes"]
            for device in (record or {}).get("Devices", {}).values()
        ],
        "texts": mailbox.texts(member.phone),
        "mails": len(mailbox.of(member.person.email)),
    }


def rows_of(system: Deployment, person: Person) -> list[dict[str, Any]]:
    """The rows under a person's user name, oldest first."""
    found = system.dynamodb.query(
        TableName=system.outputs["notification_table_name"],
        IndexName="ByUser",
        KeyConditionExpression="UserID = :user",
        ExpressionAttributeValues={":user": {"S": person.username}},
    )
    return [unmarshal(item) for item in found["Items"]]


# what each route does


def test_preferences_are_shown_with_the_catalogue_and_changed_as_a_whole(system: Deployment) -> None:
    member = system.member()
    shown = member.call("GET", "/preferences").raise_for_status().json()
    assert shown["categories"].keys() == {"orders", "shipping", "promotions", "account"}
    assert shown["categories"]["orders"]["channels"] == {"Email": True, "SMS": True, "Push": False}
    assert {channel: entry["state"] for channel, entry in shown["channels"].items()} == {
        "Email": "ready",
        "SMS": "not_set_up",
        "Push": "not_set_up",
    }
    hours = {"start": "22:00", "end": "07:00", "time_zone": "Europe/Berlin"}
    changes = {"enabled": False, "quiet_hours": hours, "categories": {"orders": {"SMS": False}}}
    changed = member.call("PUT", "/preferences", json={"version": shown["version"], **changes})
    assert changed.status_code == 200, changed.text
    assert member.call("GET", "/preferences").json() == changed.json()
    assert (changed.json()["version"], changed.json()["enabled"]) == (shown["version"] + 1, False)
    assert changed.json()["quiet_hours"] == hours
    assert changed.json()["categories"]["orders"]["channels"] == {"Email": True, "SMS": False, "Push": False}

    stale = member.call("PUT", "/preferences", json={"version": shown["version"], "enabled": True})
    assert code_of(stale) == (409, "stale_version")
    assert stale.json()["error"]["version"] == shown["version"] + 1
    assert member.call("GET", "/preferences").json() == changed.json()


def test_of_changes_at_one_moment_exactly_one_is_made(system: Deployment, newcomer: Member) -> None:
    version = newcomer.call("GET", "/preferences").json()["version"]

    def change(number: int) -> httpx.Response:
        choices = {"SMS": bool(number & 1), "Push": bool(number & 2), "Email": bool(number & 4)}
        changes = {"version": version, "categories": {"promotions": choices}}
        return newcomer.call("PUT", "/preferences", json=changes)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(change, range(6)))
    (won,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert [code_of(one) for one in answers if one.status_code != 200] == [(409, "stale_version")] * 5
    assert newcomer.call("GET", "/preferences").json() == won
    assert won["version"] == version + 1


def test_the_history_is_paged_the_newest_first_and_everybodys_own(
    system: Deployment, newcomer: Member, victim: Member
) -> None:
    asked = []
    for number in range(3):
        asked.append(system.ask("orders", newcomer.person, data=order(f"page {number}")))
        system.wait_state(asked[-1], "SENT")
    seen: list[dict[str, Any]] = []
    cursors: list[str] = []
    while not cursors or cursors[-1]:
        where = {"cursor": cursors[-1]} if cursors else {}
        page = newcomer.call("GET", "/notifications", params={"limit": "2", **where}).raise_for_status()
        assert len(page.json()["notifications"]) <= 2
        seen += page.json()["notifications"]
        cursors.append(page.json()["cursor"])
    ids = [one["id"] for one in seen]
    assert ids[:3] == asked[::-1]
    assert len(ids) == len(set(ids))
    assert f"welcome#{newcomer.sub}" in ids
    assert (seen[0]["category"], seen[0]["data"], seen[0]["state"]) == ("orders", order("page 2"), "SENT")
    assert seen[0]["channels"]["SMS"]["reason"] == "NotSetUp"

    theirs = victim.call("GET", "/notifications", params={"limit": "100"}).json()["notifications"]
    assert theirs
    assert not {one["id"] for one in theirs} & set(ids)
    refused = victim.call("GET", "/notifications", params={"cursor": cursors[0]})
    assert code_of(refused) == (400, "invalid_cursor")


@ONCE
def test_every_answer_is_as_documented_for_whatever_a_client_sends(system: Deployment) -> None:
    member = system.member()
    # who has erased their account has nothing more to lose
    for operation in sorted(operations(), key=lambda operation: operation.name == "deleteAccount"):
        for mode in modes(operation):
            ask_for_anything(member, operation, mode)


def ask_for_anything(member: Member, operation: Operation, mode: schemathesis.GenerationMode) -> None:
    """Holds the answers to a few requests to the document."""
    schema = schemathesis.openapi.from_dict(dict(document()))
    strategy = schema[operation.path][operation.method].as_strategy(generation_mode=mode)
    headers = {"Authorization": f"Bearer {member.token}"}

    @settings(max_examples=3, suppress_health_check=list(HealthCheck), database=None)
    @given(case=strategy)
    def holds(case: Any) -> None:
        hold(operation, case, case.call(base_url=member.api, headers=headers), headers)

    holds()


@ONCE
def test_a_device_gets_push_messages_from_when_it_is_added_until_it_is_removed(system: Deployment) -> None:
    member, mailbox = system.member(), system.application.mailbox
    token, device = add_device(member)
    assert add_device(member, token) == (token, device), "as an app does at each start"
    states = outcome(system, system.ask("shipping", member.person, data=parcel()))[2]
    assert states == {"Email": "SENT", "Push": "SENT"}
    sent = mailbox.wait_push(token)
    ready = {"id": device, "platform": "GCM", "state": "ready"}
    shown = member.call("GET", "/preferences").json()["channels"]["Push"]
    assert shown == {"state": "ready", "devices": [ready]}

    for _ in range(2):
        assert member.call("DELETE", f"/devices/{device}").status_code == 204
    states = outcome(system, system.ask("shipping", member.person, data=parcel()))[2]
    assert states == {"Email": "SENT", "Push": "SKIPPED"}
    assert mailbox.pushes(token) == [sent]
    sns = system.client("sns")
    with pytest.raises(sns.exceptions.NotFoundException):
        sns.get_endpoint_attributes(EndpointArn=sent.endpoint_arn)


@ONCE
def test_a_device_that_passes_to_somebody_else_gets_nothing_of_the_former(
    system: Deployment, newcomer: Member
) -> None:
    former, mailbox = system.member(), system.application.mailbox
    token, device = add_device(former)
    assert add_device(newcomer, token) == (token, device)
    assert outcome(system, system.ask("shipping", former.person, data=parcel()))[2]["Push"] == "SKIPPED"
    assert former.call("DELETE", f"/devices/{device}").status_code == 204, "it is nobody's business now"
    assert outcome(system, system.ask("shipping", newcomer.person, data=parcel()))[2]["Push"] == "SENT"
    assert len(mailbox.pushes(token)) == 1
    assert newcomer.call("DELETE", f"/devices/{device}").status_code == 204


@ONCE
def test_a_number_is_used_only_after_its_code_has_come_back(system: Deployment) -> None:
    member, number, mailbox = system.member(), new_number(), system.application.mailbox
    asks = member.call("PUT", "/phone", json={"phone_number": number})
    assert (asks.status_code, asks.json()["status"]) == (202, "code_sent")
    code = code_in(mailbox.wait_text(number))
    assert outcome(system, system.ask("orders", member.person, data=order(1)))[2]["SMS"] == "SKIPPED"
    assert len(mailbox.texts(number)) == 1

    wrong = {"phone_number": number, "code": f"{(int(code) + 1) % 10**6:06}"}
    assert code_of(member.call("PUT", "/phone", json=wrong)) == (400, "wrong_code")
    other = {"phone_number": new_number(), "code": code}
    assert code_of(member.call("PUT", "/phone", json=other)) == (400, "no_code")
    assert member.call("GET", "/preferences").json()["channels"]["SMS"]["state"] == "not_set_up"

    right = {"phone_number": number, "code": code}
    for _ in range(2):
        assert member.call("PUT", "/phone", json=right).json() == {"phone_number": number}
    assert outcome(system, system.ask("orders", member.person, data=order("by phone")))[2]["SMS"] == "SENT"
    assert "by phone" in mailbox.wait_text(number, count=2)

    assert member.call("PUT", "/phone", json={"phone_number": None}).json() == {"phone_number": None}
    assert outcome(system, system.ask("orders", member.person, data=order(2)))[2]["SMS"] == "SKIPPED"
    assert len(mailbox.texts(number)) == 2


def test_a_link_to_unsubscribe_that_nobody_signed_does_nothing(victim: Member) -> None:
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{victim.api}/unsubscribe?token=garbage", trust_env=False)
        assert answer.status_code == 400
        assert answer.headers["content-type"].startswith("text/html")


# whom it lets in


@pytest.fixture(scope="module")
def newcomer(system: Deployment) -> Member:
    """Somebody who has registered, no more."""
    return system.member()


@pytest.fixture(scope="module")
def victim(system: Deployment) -> Member:
    """Somebody with everything that others could be after, at rest."""
    member = system.member()
    token, _ = add_device(member)
    member = replace(member, phone=add_phone(system, member), device=token)
    system.wait_state(system.ask("orders", member.person, data=order("secret")), "SENT")
    return member


def sign_in(system: Deployment, person: Person, pool: str, client: str) -> dict[str, str]:
    """The tokens that a client gets for a person."""
    secure = AWSSRP(
        username=person.username,
        password=person.password,
        pool_id=pool,
        client_id=client,
        client=system.client("cognito-idp"),
    )
    tokens: dict[str, str] = secure.authenticate_user()["AuthenticationResult"]
    return tokens


@contextmanager
def hasty_tokens(system: Deployment) -> Iterator[None]:
    """The application's own tokens run out after a moment, for a while."""
    cognito = system.client("cognito-idp")
    client = cognito.describe_user_pool_client(UserPoolId=system.pool, ClientId=system.application.client_id)[
        "UserPoolClient"
    ]
    known = cognito.meta.service_model.operation_model("UpdateUserPoolClient").input_shape.members
    before = {name: value for name, value in client.items() if name in known and value}
    units = {**before["TokenValidityUnits"], "AccessToken": "seconds"}
    cognito.update_user_pool_client(
        **{**before, "AccessTokenValidity": HASTY_SECONDS, "TokenValidityUnits": units}
    )
    try:
        yield
    finally:
        cognito.update_user_pool_client(**before)


@dataclass(frozen=True)
class Elsewhere:
    """Another client of the pool, and another pool in which somebody has the same user name."""

    client: str
    pool: str
    pool_client: str


@pytest.fixture(scope="module")
def elsewhere(system: Deployment, victim: Member) -> Iterator[Elsewhere]:
    cognito, person = system.client("cognito-idp"), victim.person
    flows = ["ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]

    def client_of(pool: str) -> str:
        made = cognito.create_user_pool_client(UserPoolId=pool, ClientName="else", ExplicitAuthFlows=flows)
        return str(made["UserPoolClient"]["ClientId"])

    client = client_of(system.pool)
    pool = cognito.create_user_pool(PoolName="else")["UserPool"]["Id"]
    cognito.admin_create_user(UserPoolId=pool, Username=person.username, MessageAction="SUPPRESS")
    cognito.admin_set_user_password(
        UserPoolId=pool, Username=person.username, Password=person.password, Permanent=True
    )
    yield Elsewhere(client, pool, client_of(pool))
    cognito.delete_user_pool_client(UserPoolId=system.pool, ClientId=client)
    cognito.delete_user_pool(UserPoolId=pool)


WRONG = (
    "none",
    "garbage",
    "forged",
    "unsigned",
    "expired",
    "of another pool",
    "of another client",
    "an ID token",
)


@pytest.fixture(scope="module")
def wrong_tokens(system: Deployment, victim: Member, elsewhere: Elsewhere) -> dict[str, str]:
    """Tokens that say that they are the victim's, and must not be taken."""
    client = system.application.client_id
    own = sign_in(system, victim.person, system.pool, client)
    head, claims, signature = own["AccessToken"].split(".")
    with hasty_tokens(system):
        hasty = sign_in(system, victim.person, system.pool, client)["AccessToken"]
    assert replace(victim, token=hasty).call("GET", "/preferences").status_code == 200
    time.sleep(HASTY_SECONDS)
    return {
        "none": "",
        "garbage": "garbage",
        "forged": f"{head}.{claims}.{signature[:-8]}AAAAAAAA",
        "unsigned": f"{head}.{claims}.",
        "expired": hasty,
        "of another pool": sign_in(system, victim.person, elsewhere.pool, elsewhere.pool_client)[
            "AccessToken"
        ],
        "of another client": sign_in(system, victim.person, system.pool, elsewhere.client)["AccessToken"],
        "an ID token": own["IdToken"],
    }


def called(caller: Member, operation: Operation, version: int, device: str) -> httpx.Response:
    """A call that would show or change something, if it were let in."""
    bodies: dict[str, dict[str, Any]] = {
        "changePreferences": {"version": version, "enabled": False, "categories": {"orders": ALL_OFF}},
        "addDevice": {"platform": "GCM", "token": secrets.token_hex(16)},
        "changePhone": {"phone_number": None},
    }
    body = {"json": bodies[operation.name]} if operation.takes_json else {}
    return caller.call(operation.method, operation.path.replace("{id}", device), **body)


@ONCE
@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("operation", SIGNED_IN, ids=[operation.name for operation in SIGNED_IN])
def test_without_the_right_token_nobody_is_let_in_and_nothing_changes(
    system: Deployment, victim: Member, wrong_tokens: dict[str, str], operation: Operation, kind: str
) -> None:
    before = belongings(system, victim)
    (device,) = before["record"]["Devices"]
    version = int(before["record"].get("Version", 0))
    answer = called(replace(victim, token=wrong_tokens[kind]), operation, version, device)
    assert answer.status_code == 401, answer.text
    assert victim.person.username not in answer.text
    assert belongings(system, victim) == before


@ONCE
@pytest.mark.parametrize("operation", SIGNED_IN, ids=[operation.name for operation in SIGNED_IN])
def test_with_their_own_token_people_see_and_change_their_own_and_nobody_elses(
    system: Deployment, victim: Member, operation: Operation
) -> None:
    other = system.member()
    before, others = belongings(system, victim), system.user(other.person)
    assert others
    (device,) = before["record"]["Devices"]
    answer = called(other, operation, int(others.get("Version", 0)), device)
    assert answer.status_code in (200, 201, 202, 204), answer.text
    for theirs in (victim.person.username, victim.sub, victim.phone, device, "secret"):
        assert theirs not in answer.text
    assert belongings(system, victim) == before
    changed = system.user(other.person) or {}
    assert {name for name in {*others, *changed} if others.get(name) != changed.get(name)} == {
        "changePreferences": {"Enabled", "Preferences", "Version"},
        "addDevice": {"Devices"},
        "deleteAccount": set(others),
    }.get(operation.name, set())


# what it does not take

JSON = {"Content-Type": "application/json"}


@ONCE
@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("PUT", "/preferences", {"json": "{"}, (400, "invalid_body")),
        ("PUT", "/preferences", {"content": b"{", "headers": JSON}, (400, "invalid_json")),
        ("PUT", "/preferences", {"content": b"", "headers": JSON}, (400, "invalid_json")),
        ("PUT", "/preferences", {"content": b"\xff", "headers": JSON}, (400, "invalid_json")),
        ("PUT", "/preferences", {"content": b"[" * 10_000, "headers": JSON}, (400, "invalid_json")),
        ("PUT", "/preferences", {"content": b'{"version": 0}'}, (415, "unsupported_media_type")),
        ("PUT", "/preferences", {"json": {}}, (400, "invalid_body")),
        ("PUT", "/preferences", {"json": {"version": "0"}}, (400, "invalid_body")),
        ("PUT", "/preferences", {"json": {"version": True}}, (400, "invalid_body")),
        ("PUT", "/preferences", {"json": {"version": 0, "UserID": "x"}}, (400, "invalid_body")),
        ("PUT", "/preferences", {"json": {"version": 0, "x": "x" * MAX_BODY_BYTES}}, (413, "too_large")),
        ("POST", "/devices", {"json": {"platform": "X", "token": "x"}}, (400, "unknown_platform")),
        ("POST", "/devices", {"json": {"platform": "GCM", "token": "a b"}}, (400, "invalid_body")),
        ("POST", "/devices", {"json": ["GCM"]}, (400, "invalid_body")),
        ("PUT", "/phone", {"json": {"phone_number": "0123456789"}}, (400, "invalid_body")),
        ("PUT", "/phone", {"json": {"phone_number": 15550100}}, (400, "invalid_body")),
        ("PUT", "/phone", {"json": {}}, (400, "invalid_body")),
        ("GET", "/notifications?limit=0", {}, (400, "invalid_limit")),
        ("GET", "/notifications?cursor=garbage", {}, (400, "invalid_cursor")),
    ],
)
def test_what_is_wrong_is_refused_with_a_reason_and_changes_nothing(
    system: Deployment, newcomer: Member, method: str, path: str, options: dict[str, Any], expected: Any
) -> None:
    before = system.user(newcomer.person)
    options = dict(options)
    headers = {"Authorization": f"Bearer {newcomer.token}", **options.pop("headers", {})}
    answer = httpx.request(
        method, f"{newcomer.api}{path}", headers=headers, trust_env=False, timeout=30, **options
    )
    assert code_of(answer) == expected, answer.text
    assert system.user(newcomer.person) == before


@ONCE
@pytest.mark.parametrize(
    ("category", "code"), [("no_such", "unknown_category"), ("account", "critical_category")]
)
def test_a_category_that_cannot_be_chosen_is_refused(newcomer: Member, category: str, code: str) -> None:
    version = newcomer.call("GET", "/preferences").json()["version"]
    changes = {"version": version, "categories": {category: {"Email": False}}}
    assert code_of(newcomer.call("PUT", "/preferences", json=changes)) == (400, code)


@ONCE
@pytest.mark.parametrize(
    ("site", "told"),
    [("https://app.example.com", "https://app.example.com"), ("https://shop.example.com", None)],
)
def test_a_browsers_script_is_let_in_from_a_named_site_alone(
    newcomer: Member, site: str, told: str | None
) -> None:
    asks = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    signed_in = {"Authorization": f"Bearer {newcomer.token}"}
    preflight, answer = (
        httpx.request(
            method, f"{newcomer.api}/preferences", headers={"Origin": site, **headers}, trust_env=False
        )
        for method, headers in (("OPTIONS", asks), ("GET", signed_in))
    )
    for one in (preflight, answer):
        assert one.headers.get("Access-Control-Allow-Origin") == told
    assert ("PUT" in preflight.headers.get("Access-Control-Allow-Methods", "")) == bool(told)
    assert ("authorization" in preflight.headers.get("Access-Control-Allow-Headers", "")) == bool(told)


@ONCE
def test_what_is_not_documented_is_not_there(newcomer: Member) -> None:
    for method, path in (("GET", "/nowhere"), ("POST", "/preferences"), ("GET", "/account")):
        answer = newcomer.call(method, path)
        assert answer.status_code == 404
        assert json.loads(answer.text)["message"]
