"""What MiniStack's SES lacks: SendEmail's headers, tags and configuration set, and the events that follow.

And a mailbox that can be read as it fills: `?since=…` asks for the mails from a moment on, in seconds since
1970.

Rules: "SendEmail", "MessageHeader", "MessageTag" and "Message" (SES API v2 reference: characters, lengths,
fifteen headers), "Using the Amazon SES mailbox simulator" (which addresses bounce and complain), "Contents of
event data that Amazon SES publishes to Amazon SNS", and "Actions, resources, and condition keys for Amazon
Simple Email Service v2" (`ses:SendEmail` on the identity and the configuration set; `ses:FromAddress`).

Not documented, known from AWS's denials: the identity is the one that is verified, so the domain's where the
address itself is not an identity.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from email.utils import parseaddr
from itertools import takewhile
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id
from ministack.services import ses as first
from ministack.services import ses_v2 as service
from ministack.services import sns

Json = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

SEND = ("POST", "/v2/email/outbound-emails")
CREATE_IDENTITY = ("POST", "/v2/email/identities")
PRINCIPAL = "ses.amazonaws.com"
MAILBOX = "/_ministack/ses/messages"
TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
HEADER_VALUE = re.compile(r"[ -~]{1,870}")
MAX_HEADERS = 15
GIVEN = {"Headers", "EmailTags", "ConfigurationSetName"}
SUBJECT = "Amazon SES Email Event Notification"


def install() -> None:
    service.handle_request = handling(service.handle_request)
    app._enforce_ses_v2 = authorizing(app._enforce_ses_v2)
    app._handle_ses_messages_request = showing(app._handle_ses_messages_request)


def showing(original: Callable[..., Awaitable[Response | None]]) -> Callable[..., Awaitable[Response | None]]:
    """The mailbox shows of a mail what it was given too; and the newest alone, if that is asked for."""

    async def show(method: str, path: str, headers: Json, query: Json) -> Response | None:
        if (method, path) == ("GET", MAILBOX) and "since" in query:
            return newest(query["since"])
        answer = await original(method, path, headers, query)
        if answer is None or answer[0] != 200:
            return answer
        kept = {mail["MessageId"]: mail for mails in first._sent_emails.to_dict().values() for mail in mails}
        shown = json.loads(answer[2])
        for mail in (mail for mails in shown["messages"].values() for mail in mails):
            mail.update(
                (name, kept[mail["MessageId"]][name]) for name in GIVEN & kept[mail["MessageId"]].keys()
            )
        return answer[0], answer[1], json.dumps(shown).encode()

    return show


def newest(since: str | list[str]) -> Response:
    """The mails from a moment on, found from the end: whoever asks often does not read all each time."""
    try:
        moment = float(since[0] if isinstance(since, list) else since)
    except ValueError:
        return bad_request("since must be a number of seconds since 1970.")
    shown: dict[str, list[Json]] = {}
    for scope, mails in first._sent_emails.to_dict().items():
        found = list(takewhile(lambda mail: mail["Timestamp"] >= moment, reversed(mails)))
        shown.setdefault(scope[0], []).extend(reversed(found))
    return 200, {"Content-Type": "application/json"}, json.dumps({"messages": shown}).encode()


def handling(original: Callable[..., Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
    """Keep what SendEmail and CreateEmailIdentity are given, and refuse what AWS would."""

    async def handle(method: str, path: str, headers: Json, body: bytes, query: Json) -> Response:
        call = (method, path.rstrip("/"))
        data = json_of(body) if call in (SEND, CREATE_IDENTITY) else {}
        if call == SEND and (refused := refusal(data)):
            return refused
        answer = await original(method, path, headers, body, query)
        if answer[0] == 200 and call == CREATE_IDENTITY and data.get("ConfigurationSetName"):
            service._identities[data["EmailIdentity"]]["ConfigurationSetName"] = data["ConfigurationSetName"]
        if answer[0] == 200 and call == SEND:
            message_id = json.loads(answer[2])["MessageId"]
            mail = next(m for m in reversed(first._sent_emails_list()) if m["MessageId"] == message_id)
            mail["Headers"] = headers_of(data)
            mail["EmailTags"] = data.get("EmailTags", [])
            mail["ConfigurationSetName"] = data.get("ConfigurationSetName", "")
            publish_events(mail)
        return answer

    return handle


def refusal(data: Json) -> Response | None:
    """Why AWS would not take this mail; that its sender is not verified MiniStack sees itself."""
    name = data.get("ConfigurationSetName")
    refused: Response | None = None
    if name and name not in service._config_sets:
        refused = service._missing_config_set(name)
    elif any(
        not TAG.fullmatch(tag.get(key, "")) for tag in data.get("EmailTags", []) for key in ("Name", "Value")
    ):
        refused = bad_request("Invalid tag: only A-Z, a-z, 0-9, '_' and '-', and at most 256 characters.")
    elif len(headers_of(data)) > MAX_HEADERS:
        refused = bad_request(f"A message can have at most {MAX_HEADERS} headers.")
    elif any(
        not HEADER_NAME.fullmatch(header.get("Name", ""))
        or not HEADER_VALUE.fullmatch(header.get("Value", ""))
        for header in headers_of(data)
    ):
        refused = bad_request("Invalid header name or value.")
    return refused


def publish_events(mail: Json) -> None:
    """Publish what becomes of a mail to the topics of its configuration set that want to know."""
    name = mail["ConfigurationSetName"]
    destinations = (service._config_sets.get(name) or {}).get("EventDestinations", {}).values()
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for address in mail["To"] + mail["CC"] + mail["BCC"]:
        local, _, domain = parseaddr(address)[1].partition("@")
        outcomes = (("Delivery", None),)
        if domain.lower() == first._SIMULATOR_DOMAIN:
            outcomes = first._SIMULATOR_OUTCOMES.get(local.lower().split("+")[0], outcomes)
        for kind, detail in (("Send", None), *outcomes):
            content = (
                first._notification_detail(kind, address, now, detail) if kind != "Send" else {"send": {}}
            )
            event = json.dumps({"eventType": kind, "mail": described(mail, now), **content})
            for destination in destinations:
                topic = (destination.get("SnsDestination") or {}).get("TopicArn", "")
                wants = destination["Enabled"] and kind.upper() in destination["MatchingEventTypes"]
                if (
                    topic
                    and wants
                    and sns.topic_policy_allows(
                        topic, PRINCIPAL, service._resource_arn("configuration-set", name), get_account_id()
                    )
                ):
                    sns.publish_internal(topic, event, SUBJECT)


def described(mail: Json, now: str) -> Json:
    """The `mail` object of an event."""
    given = {tag["Name"]: [tag["Value"]] for tag in mail["EmailTags"]}
    standard = {"From": mail["Source"], "To": ", ".join(mail["To"]), "Subject": mail["Subject"]}
    headers = [{"name": name, "value": value} for name, value in standard.items()]
    headers += [{"name": header["Name"], "value": header["Value"]} for header in mail["Headers"]]
    return {
        "timestamp": now,
        "source": mail["Source"],
        "sourceArn": service._resource_arn("identity", identity_of(mail["Source"])),
        "sendingAccountId": get_account_id(),
        "messageId": mail["MessageId"],
        "destination": mail["To"] + mail["CC"] + mail["BCC"],
        "headersTruncated": False,
        "headers": headers,
        "commonHeaders": {"from": [mail["Source"]], "to": mail["To"], "subject": mail["Subject"]},
        "tags": {"ses:configuration-set": [mail["ConfigurationSetName"]], **given},
    }


def authorizing(original: Callable[..., Response | None]) -> Callable[..., Response | None]:
    """SendEmail needs its permission on the identity and, where one is named, on the configuration set."""

    def enforce(
        method: str, path: str, headers: Json, body: bytes, query: Json, request_id: str
    ) -> Response | None:
        if (method, path.rstrip("/")) != SEND:
            return original(method, path, headers, body, query, request_id)
        data = json_of(body)
        sender = parseaddr(data.get("FromEmailAddress", ""))[1]
        resources = [service._resource_arn("identity", identity_of(sender))]
        if data.get("ConfigurationSetName"):
            resources.append(service._resource_arn("configuration-set", data["ConfigurationSetName"]))
        for resource in resources:
            denied: Response | None = app._enforce_data_plane(
                "sesv2",
                "ses:SendEmail",
                headers,
                query,
                request_id,
                resource_arn=resource,
                service_context={"ses:FromAddress": sender},
                named_resource=resource,
            )
            if denied:
                return denied
        return None

    return enforce


def identity_of(sender: str) -> str:
    """The identity that a sender's address is verified by: its own, its domain's, or else the address."""
    address = parseaddr(sender)[1]
    domain = address.rpartition("@")[2].lower()
    return next(
        (name for name in (address, *first._domain_and_parents(domain)) if name in service._identities),
        address,
    )


def headers_of(data: Json) -> list[Json]:
    content = data.get("Content", {})
    headers: list[Json] = (content.get("Simple") or content.get("Template") or {}).get("Headers") or []
    return headers


def json_of(body: bytes) -> Json:
    try:
        data = json.loads(body or b"{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def bad_request(message: str) -> Response:
    refused: Response = service._json_err("BadRequestException", message)
    return refused
