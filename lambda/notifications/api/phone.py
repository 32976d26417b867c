"""PUT /phone: a number is used only after a code that was sent to it has come back."""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from notifications.api.errors import ApiError, try_again
from notifications.api.exchange import Answer, Caller, Request
from notifications.api.services import TRIES, Person, Services
from notifications.catalogue import SMS
from notifications.channels import failure
from notifications.channels.sms import send_text
from notifications.notification import State

CODE_IS_GOOD_FOR = timedelta(minutes=10)
CODES_A_DAY = 5
WRONG_TRIES = 5


def change(services: Services, request: Request) -> Answer:
    number, code = request.body["phone_number"], request.body.get("code")
    person = services.person(request.caller)
    if number is None:
        return _remove(services, person)
    if code is None:
        # before there is a turn: who gets no code must not keep others from theirs
        _codes_sent(person, services.clock())
        return _send_code(services, request.caller, number)
    return _check(services, person, number, code)


def _remove(services: Services, person: Person) -> Answer:
    forgets, names = _forgets_stop(person)
    if not services.users.update(person.user, f"REMOVE PhoneNumber, PendingPhone{forgets}", {}, names):
        raise try_again()
    return Answer(200, {"phone_number": None})


def _send_code(services: Services, caller: Caller, number: str) -> Answer:
    wait = services.rates.turn(SMS, services.clock())
    if wait is None:
        raise try_again()
    code = f"{secrets.randbelow(10**6):06}"
    _keep_code(services, caller, number, code)
    services.sleep(wait.total_seconds())
    text = f"{code} confirms this phone number for notifications. It is valid for 10 minutes."
    try:
        refused = send_text(services.sns, number, text).stop
    except ClientError as error:
        refused = failure(error).state is State.FAILED
        if not refused:
            raise
    if refused:
        raise ApiError(400, "number_refused", "No SMS can be sent to this number.")
    return Answer(202, {"status": "code_sent", "expires_in": int(CODE_IS_GOOD_FOR.total_seconds())})


def _keep_code(services: Services, caller: Caller, number: str, code: str) -> None:
    """Counts a code and keeps its digest, before it is sent: what cannot be counted is not sent."""
    for _ in range(TRIES):
        person, now = services.person(caller), services.clock()
        seen, sent = person.record.get("PhoneCodes"), _codes_sent(person, now)
        pending = {
            "Number": number,
            "CodeDigest": _digest(person, number, code),
            "ExpiresAt": int((now + CODE_IS_GOOD_FOR).timestamp()),
            "WrongTries": 0,
        }
        values: dict[str, Any] = {":pending": pending, ":codes": {"Day": _day(now), "Sent": sent + 1}}
        if services.users.update(
            person.user,
            "SET PendingPhone = :pending, PhoneCodes = :codes",
            {**values, **({":seen": seen} if seen else {})},
            condition="PhoneCodes = :seen" if seen else "attribute_not_exists(PhoneCodes)",
        ):
            return
    raise try_again()


def _codes_sent(person: Person, now: datetime) -> int:
    """How many codes were sent today.

    Raises:
        ApiError: no more are.
    """
    seen = person.record.get("PhoneCodes")
    sent = int(seen["Sent"]) if seen and seen["Day"] == _day(now) else 0
    if sent >= CODES_A_DAY:
        raise ApiError(429, "too_many_requests", f"{CODES_A_DAY} codes a day are sent; try again tomorrow.")
    return sent


def _check(services: Services, person: Person, number: str, code: str) -> Answer:
    pending = person.record.get("PendingPhone")
    if pending is None or pending["Number"] != number:
        if person.user.phone == number:
            # the answer to the request that verified it may have been lost
            return Answer(200, {"phone_number": number})
        raise ApiError(400, "no_code", "No code was sent to this number; ask for one first.")
    if services.clock().timestamp() >= pending["ExpiresAt"]:
        raise ApiError(400, "code_expired", "The code is too old; ask for another.")
    seen = {":digest": pending["CodeDigest"]}
    still = "PendingPhone.CodeDigest = :digest"
    # counted before it is compared, or many that guess at once would have many more tries
    counted = services.users.update(
        person.user,
        "SET PendingPhone.WrongTries = PendingPhone.WrongTries + :one",
        {**seen, ":one": 1, ":max": WRONG_TRIES},
        condition=f"{still} AND PendingPhone.WrongTries < :max",
    )
    if not counted:
        raise ApiError(429, "too_many_requests", "There were too many tries; ask for another code.")
    if not hmac.compare_digest(pending["CodeDigest"], _digest(person, number, code)):
        raise ApiError(400, "wrong_code", "The code is not the one that was sent.")
    forgets, names = _forgets_stop(person)
    if not services.users.update(
        person.user,
        f"SET PhoneNumber = :number REMOVE PendingPhone{forgets}",
        {**seen, ":number": number},
        names,
        condition=still,
    ):
        raise try_again()
    return Answer(200, {"phone_number": number})


def _forgets_stop(person: Person) -> tuple[str, dict[str, str]]:
    """What removes the stop of the number before, and its names."""
    return (", Stopped.#sms", {"#sms": SMS}) if SMS in person.user.stopped else ("", {})


def _digest(person: Person, number: str, code: str) -> str:
    return hmac.new(person.user.sub.encode(), f"{number}:{code}".encode(), hashlib.sha256).hexdigest()


def _day(now: datetime) -> str:
    return now.date().isoformat()
