"""People call the HTTP API, and try again when they are told to.

API Gateway hands a request to the function, and answers 500 when that has died. Whatever else goes wrong, the
person is told to try again, in a way that programs understand too: see `notifications.api.errors`.
"""

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from notifications.erasure_job import ERASING, device_row_id, erasure_id
from notifications.tokens import Tokens, Unsubscription
from tests.deployment import Row
from tests.faults.history import put, sent
from tests.faults.lane import Lane
from tests.faults.scenario import ROUNDS, Case, Scenario, duplicates
from tests.samples import code_in, new_number

# what the emulator says of a function whose process has died, or has had all its time
DIED = re.compile(r"Worker process died|Task timed out .*")
HOURS = {"start": "22:00", "end": "07:00", "time_zone": "Europe/Berlin"}
# somebody else has changed the preferences, for all that the person can tell
STALE = (409, "stale_version")


@dataclass(frozen=True)
class Answer:
    """What a person is answered. body: JSON as plain values, or a page. died: the function did not answer."""

    status: int
    body: Any
    died: bool = False

    @property
    def code(self) -> str:
        """The reason of a refusal; a page says it in words."""
        return str(self.body["error"]["code"]) if isinstance(self.body, dict) and "error" in self.body else ""


@dataclass
class Visit(Case):
    """Somebody calls a route.

    method, path, body, query: of the request. good: the status of an answer with which it is done.
    page: whether what goes wrong is told to people alone. refusals: what else may be answered on the way.
    """

    method: str = "GET"
    path: str = ""
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    good: int = 200
    page: bool = False
    refusals: tuple[tuple[int, str], ...] = ()
    answers: list[Answer] = field(default_factory=list)
    again: Callable[[], None] = field(init=False)
    check: Callable[[], int] = field(default=lambda: 0)

    def __post_init__(self) -> None:
        self.again = self.act

    def act(self) -> None:
        self.answers.append(
            self.call(self.method, self.path, self.body, self.query, None if self.page else self.people[0])
        )

    def recover(self) -> None:
        """The person tries again."""
        for _ in range(ROUNDS):
            if self.answers[-1].status == self.good:
                return
            self.again()

    def verify(self) -> int:
        told = [(answer.status, answer.code) for answer in self.answers if not answer.died]
        assert self.answers[-1].status == self.good, f"it did not work in the end: {told}"
        expected = {(self.good, ""), (503, "" if self.page else "try_again"), *self.refusals}
        assert set(told) <= expected, f"what nobody is to be answered: {told}"
        return self.check()

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        caller: Any = None,
    ) -> Answer:
        """One request, as API Gateway hands it over, and what it makes of the function's answer."""
        claims = caller and {
            "sub": f"sub-{caller.username}",
            "username": caller.username,
            "token_use": "access",
            "client_id": self.lane.outputs["user_pool_client_id"],
        }
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "queryStringParameters": dict(query or {}),
            "requestContext": {
                "http": {"method": method, "path": path},
                "stage": "$default",
                **({"authorizer": {"jwt": {"claims": claims, "scopes": None}}} if claims else {}),
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer, error = self.lane.invoke("api", event)
        if error:
            assert DIED.fullmatch(answer["errorMessage"]), (
                f"the function has failed: {answer['errorMessage']}"
            )
            return Answer(500, {"message": "Internal Server Error"}, died=True)
        is_page = answer["headers"].get("Content-Type", "").startswith("text/html")
        text = answer["body"]
        return Answer(answer["statusCode"], text if is_page or not text else json.loads(text))

    @property
    def record(self) -> Row:
        record = self.lane.user(self.people[0])
        assert record, "the record is gone"
        return record

    def add_device(self, token: str, who: int = 0) -> str:
        """Adds a device, without faults; its id."""
        body = {"platform": "GCM", "token": token}
        answer = self.call("POST", "/devices", body, caller=self.people[who])
        assert answer.status == 201, answer
        return str(answer.body["id"])

    def endpoint(self, arn: str) -> Row | None:
        """The attributes of a device's endpoint, if it is there."""
        sns = self.lane.client("sns")
        try:
            found: Row = sns.get_endpoint_attributes(EndpointArn=arn)["Attributes"]
        except sns.exceptions.NotFoundException:
            return None
        return found


def shows_preferences(lane: Lane) -> Case:
    case = Visit(lane, path="/preferences")
    case.registered(Version=3, Preferences={"orders": {"SMS": False}})
    before = case.record

    def check() -> int:
        shown = case.answers[-1].body
        assert (shown["version"], shown["categories"]["orders"]["channels"]["SMS"]) == (3, False), shown
        assert shown["channels"]["Email"] == {"state": "ready"}
        assert case.record == before
        return 0

    case.check = check
    return case


def changes_preferences(lane: Lane) -> Case:
    """Once, however often it is tried: who is not sure reads them first."""
    changes = {"enabled": False, "quiet_hours": HOURS, "categories": {"orders": {"SMS": False}}}
    case = Visit(lane, method="PUT", path="/preferences", body={"version": 0, **changes}, refusals=(STALE,))
    case.registered()

    def again() -> None:
        shown = case.call("GET", "/preferences", caller=case.people[0])
        assert shown.status == case.good
        if shown.body["version"]:
            # it was done, and the answer was lost
            case.answers.append(shown)
        else:
            case.act()

    def check() -> int:
        shown = case.answers[-1].body
        assert (shown["version"], shown["enabled"], shown["quiet_hours"]) == (1, False, HOURS), shown
        record = case.record
        assert (record["Version"], record["Enabled"]) == (1, False), record
        assert record["Preferences"]["orders"]["SMS"] is False
        return 0

    case.again, case.check = again, check
    return case


def adds_device(lane: Lane) -> Case:
    """A device that was somebody else's, so that all writes are needed that there can be."""
    token = secrets.token_hex(16)
    case = Visit(lane, method="POST", path="/devices", body={"platform": "GCM", "token": token}, good=201)
    case.registered()
    other = case.registered()
    case.add_device(token, who=1)

    def check() -> int:
        device = case.answers[-1].body["id"]
        assert case.record["Devices"].keys() == {device}
        row = lane.notification(device_row_id(device))
        assert row, "nobody has the device"
        assert row["UserID"] == case.people[0].username
        endpoint = case.endpoint(case.record["Devices"][device]["EndpointArn"])
        assert endpoint, "SNS does not know the device"
        assert (endpoint["Token"], endpoint["Enabled"]) == (token, "true")
        former = lane.user(case.people[1]) or {}
        assert former["Sub"] == other.sub
        assert not former.get("Devices"), "two people have one device"
        return 0

    case.check = check
    return case


def removes_device(lane: Lane) -> Case:
    case = Visit(lane, method="DELETE", good=204)
    case.registered()
    device, kept = (case.add_device(secrets.token_hex(16)) for _ in range(2))
    case.path = f"/devices/{device}"
    arns = {one: case.record["Devices"][one]["EndpointArn"] for one in (device, kept)}

    def check() -> int:
        assert case.record["Devices"].keys() == {kept}
        assert case.endpoint(arns[device]) is None, "SNS has it still"
        assert case.endpoint(arns[kept])
        assert lane.notification(device_row_id(device)) is None
        assert lane.notification(device_row_id(kept))
        return 0

    case.check = check
    return case


def asks_for_code(lane: Lane) -> Case:
    """Whoever asks again gets another code, and it is the newest that counts."""
    number = new_number()
    case = Visit(lane, method="PUT", path="/phone", body={"phone_number": number}, good=202)
    case.registered()

    def check() -> int:
        texts = lane.application.mailbox.texts(number)
        asked = sum(answer.status == case.good for answer in case.answers)
        too_many = duplicates(texts, asked)
        assert "PhoneNumber" not in case.record, "a number that nobody has confirmed"
        right = {"phone_number": number, "code": code_in(texts[-1])}
        assert case.call("PUT", "/phone", right, caller=case.people[0]).status == 200, (
            "a code that is not good"
        )
        return too_many

    case.check = check
    return case


def gives_code_back(lane: Lane) -> Case:
    number = new_number()
    case = Visit(lane, method="PUT", path="/phone")
    case.registered(PhoneNumber=new_number())
    assert case.call("PUT", "/phone", {"phone_number": number}, caller=case.people[0]).status == 202
    case.body = {"phone_number": number, "code": code_in(lane.application.mailbox.texts(number)[-1])}

    def check() -> int:
        assert case.record["PhoneNumber"] == number
        assert "PendingPhone" not in case.record, "the code would be good again"
        return 0

    case.check = check
    return case


def reads_history(lane: Lane) -> Case:
    case = Visit(lane, path="/notifications")
    who = case.registered()
    ids = [f"app#{number}-{who.user_id}" for number in range(2)]
    for number, notification_id in enumerate(ids):
        put(lane, sent(who, notification_id, number))
    # whoever had the user name before
    put(lane, {**sent(who, f"app#former-{who.user_id}", 9), "Sub": "former"})

    def check() -> int:
        assert [one["id"] for one in case.answers[-1].body["notifications"]] == ids[::-1]
        return 0

    case.check = check
    return case


def follows_link(method: str) -> Callable[[Lane], Case]:
    """Of a mail. Only POST changes anything."""

    def begin(lane: Lane) -> Case:
        case = Visit(lane, method=method, path="/unsubscribe", page=True)
        who = case.registered()
        tokens = Tokens(lane.client("kms"), lane.variables("api")["TOKEN_KEY_ARN"])
        what = Unsubscription(who.user_id, who.sub, "orders", "Email")
        case.query = {"token": tokens.sign(what, datetime.now(UTC) + timedelta(days=1))}
        before = case.record

        def check() -> int:
            if method == "GET":
                assert case.record == before
            else:
                assert case.record["Preferences"]["orders"] == {"Email": False}, "not as it was asked for"
                assert case.record["Version"] == 1
            return 0

        case.check = check
        return case

    return begin


def deletes_account(lane: Lane) -> Case:
    case = Visit(lane, method="DELETE", path="/account", good=202)
    who = case.registered(PhoneNumber=new_number(), SubscriptionArn="arn:aws:sns:::topic:1")
    case.add_device(secrets.token_hex(16))
    before = case.record

    def check() -> int:
        assert lane.user(case.people[0]) is None, "the record is there still"
        job = lane.notification(erasure_id(who.sub))
        assert job, "nobody will erase the rest"
        assert (job["State"], job["DueShard"]) == (ERASING, "erasure")
        for name in ("UserID", "Sub", "Email", "PhoneNumber", "SubscriptionArn", "Devices"):
            assert job[name] == before[name], f"{name} would not be erased"
        return 0

    case.check = check
    return case


SCENARIOS = [
    Scenario(name, "api", begin)
    for name, begin in (
        ("preferences are shown", shows_preferences),
        ("preferences are changed", changes_preferences),
        ("a device passes to somebody else", adds_device),
        ("a device is removed", removes_device),
        ("a code is asked for", asks_for_code),
        ("a code comes back", gives_code_back),
        ("the history is read", reads_history),
        ("a link to unsubscribe is followed", follows_link("GET")),
        ("a link to unsubscribe is confirmed", follows_link("POST")),
        ("an account is deleted", deletes_account),
    )
]
