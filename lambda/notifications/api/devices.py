"""POST /devices, DELETE /devices/{id}: where push messages reach a person.

A token is a phone's, not a person's, and SNS knows one endpoint for it, whoever uses the phone. So a
row `device#<id>` of the Notifications table says whose it is now, and it passes from one person to the
next in the one transaction that takes the device from the former's record. Whoever sends needs only
the record.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from notifications.api.errors import ApiError, try_again
from notifications.api.exchange import Answer, Request
from notifications.api.services import TRIES, Person, Services
from notifications.catalogue import PUSH
from notifications.erasure_job import device_row_id
from notifications.notification import timestamp
from notifications.rows import marshal
from notifications.transaction import write_together

MAX_DEVICES = 5
_SAME_TOKEN = re.compile(r"Endpoint (arn:\S+) already exists with the same Token")


def add(services: Services, request: Request) -> Answer:
    platform, token = request.body["platform"], request.body["token"]
    application = services.push_applications.get(platform)
    if application is None:
        known = ", ".join(sorted(services.push_applications)) or "none"
        raise ApiError(400, "unknown_platform", f"The platforms are: {known}.")
    device_id = hashlib.sha256(f"{platform}:{token}".encode()).hexdigest()[:16]
    _check_room(services.person(request.caller), device_id)
    device = {"EndpointArn": _endpoint(services.sns, application, token), "Platform": platform}
    try:
        for _ in range(TRIES):
            person = services.person(request.caller)
            _check_room(person, device_id)
            writes = _addition(services, person, device_id, device)
            if write_together(services.outbox.dynamodb, writes) is None:
                return Answer(201, {"id": device_id, "platform": platform})
        raise try_again()
    except ApiError:
        # nobody would ever remove what no row knows of
        if services.outbox.get(device_row_id(device_id)) is None:
            services.sns.delete_endpoint(EndpointArn=device["EndpointArn"])
        raise


def remove(services: Services, request: Request) -> Answer:
    device_id = request.path["id"]
    for _ in range(TRIES):
        person = services.person(request.caller)
        device = person.record.get("Devices", {}).get(device_id)
        if device is None:
            return Answer(204)
        # first, since it can be repeated as long as the record has it. Who takes the phone over at this very
        # moment may lose the endpoint, until their app adds the device again at its next start
        services.sns.delete_endpoint(EndpointArn=device["EndpointArn"])
        writes = [_without(services, person.record, device_id), _row_deleted(services, person, device_id)]
        if write_together(services.outbox.dynamodb, writes) is None:
            return Answer(204)
    raise try_again()


def _check_room(person: Person, device_id: str) -> None:
    devices = person.record.get("Devices", {})
    if device_id not in devices and len(devices) >= MAX_DEVICES:
        raise ApiError(400, "too_many_devices", f"There may be {MAX_DEVICES} devices; remove one first.")


def _endpoint(sns: Any, application: str, token: str) -> str:
    """The ARN of the token's endpoint, which is enabled then.

    SNS tells the ARN of an endpoint that differs from what was asked for only in its refusal
    (Amazon SNS Developer Guide, "Creating a platform endpoint").
    """
    try:
        arn: str = sns.create_platform_endpoint(PlatformApplicationArn=application, Token=token)[
            "EndpointArn"
        ]
    except ClientError as error:
        known = _SAME_TOKEN.search(error.response["Error"].get("Message", ""))
        if known is None and error.response["Error"]["Code"] in ("InvalidParameter", "InvalidParameterValue"):
            raise ApiError(400, "invalid_token", "The platform does not take this token.") from None
        if known is None:
            raise
        arn = known[1]
    try:
        sns.set_endpoint_attributes(EndpointArn=arn, Attributes={"Enabled": "true", "Token": token})
    except ClientError as error:
        # it was removed at this moment
        if error.response["Error"]["Code"] == "NotFound":
            raise try_again() from None
        raise
    return arn


def _addition(
    services: Services, person: Person, device_id: str, device: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The writes that make a device one person's and nobody else's, if all stands as it was read."""
    now = timestamp(services.clock())
    entry = {**device, "At": now}
    stop = f"{PUSH}:{device_id}"
    names = {"#sub": "Sub"}
    value: Mapping[str, Any]
    if "Devices" in person.record:
        names["#id"] = device_id
        sets, value = "Devices.#id", entry
        condition = "attribute_exists(Devices) AND (size(Devices) < :max OR attribute_exists(Devices.#id))"
        values: dict[str, Any] = {":max": MAX_DEVICES}
    else:
        sets, value = "Devices", {device_id: entry}
        condition, values = "attribute_not_exists(Devices)", {}
    if stop in person.user.stopped:
        names["#stop"] = stop
    own = {
        "TableName": services.users.table,
        "Key": marshal({"UserID": person.user.user_id}),
        "UpdateExpression": f"SET {sets} = :entry" + (" REMOVE Stopped.#stop" if "#stop" in names else ""),
        "ConditionExpression": f"#sub = :sub AND {condition}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": marshal({":sub": person.user.sub, ":entry": value, **values}),
    }
    row_id = device_row_id(device_id)
    holder = services.outbox.get(row_id)
    row: dict[str, Any] = {
        "TableName": services.outbox.table,
        # as every row of a person's it is found by the user name, when they are erased
        "Item": marshal(
            {
                "NotificationID": row_id,
                "UserID": person.user.user_id,
                "Sub": person.user.sub,
                "CreatedAt": now,
            }
        ),
        "ConditionExpression": "attribute_not_exists(NotificationID)",
    }
    if holder is None:
        return [{"Update": own}, {"Put": row}]
    row["ConditionExpression"] = "#sub = :holder"
    row["ExpressionAttributeNames"] = {"#sub": "Sub"}
    row["ExpressionAttributeValues"] = marshal({":holder": holder["Sub"]})
    former = services.users.record(holder["UserID"]) if holder["Sub"] != person.user.sub else None
    has_it = former and former.get("Sub") == holder["Sub"] and device_id in former.get("Devices", {})
    return [
        {"Update": own},
        {"Put": row},
        *([_without(services, former, device_id)] if former and has_it else []),
    ]


def _without(services: Services, record: Mapping[str, Any], device_id: str) -> dict[str, Any]:
    """The write that takes a device from a person's record."""
    stop = f"{PUSH}:{device_id}"
    stopped = stop in record.get("Stopped", {})
    return {
        "Update": {
            "TableName": services.users.table,
            "Key": marshal({"UserID": record["UserID"]}),
            "UpdateExpression": "REMOVE Devices.#id" + (", Stopped.#stop" if stopped else ""),
            "ConditionExpression": "#sub = :sub AND attribute_exists(Devices)",
            "ExpressionAttributeNames": {
                "#sub": "Sub",
                "#id": device_id,
                **({"#stop": stop} if stopped else {}),
            },
            "ExpressionAttributeValues": marshal({":sub": record["Sub"]}),
        }
    }


def _row_deleted(services: Services, person: Person, device_id: str) -> dict[str, Any]:
    return {
        "Delete": {
            "TableName": services.outbox.table,
            "Key": marshal({"NotificationID": device_row_id(device_id)}),
            "ConditionExpression": "attribute_not_exists(NotificationID) OR #sub = :sub",
            "ExpressionAttributeNames": {"#sub": "Sub"},
            "ExpressionAttributeValues": marshal({":sub": person.user.sub}),
        }
    }
