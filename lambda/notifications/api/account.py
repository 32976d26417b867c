"""DELETE /account: from this moment nobody sends to the person; the erase function does the rest."""

from notifications.api.errors import try_again
from notifications.api.exchange import Answer, Request
from notifications.api.services import Services
from notifications.erasure_job import begin

NOT_ERASED = (
    {
        "what": "A subscription that was never confirmed",
        "why": "Amazon SNS lets nobody remove it. Should it be confirmed after all, it is removed then.",
        "until": "48 hours after it was asked for",
    },
    {
        "what": "The tables' backups",
        "why": "Point-in-time recovery keeps what the tables held.",
        "until": "35 days",
    },
    {
        "what": "The tables' stream",
        "why": "Amazon DynamoDB keeps the rows of the last day in it.",
        "until": "24 hours",
    },
    {
        "what": "Requests that applications still make",
        "why": "A request that names somebody who is gone is refused and kept for an operator.",
        "until": "14 days after the request",
    },
    {
        "what": "An address that bounced or complained",
        "why": "Amazon SES keeps it in the account's suppression list.",
        "until": "somebody removes it there",
    },
    {
        "what": "A phone number that answered STOP",
        "why": "Amazon SNS keeps it in the account's list of numbers that have opted out.",
        "until": "somebody removes it there",
    },
    {"what": "Messages that were sent", "why": "They are in the person's own hands.", "until": "no limit"},
)


def erase(services: Services, request: Request) -> Answer:
    caller = request.caller
    begun = begin(
        services.outbox,
        services.users.table,
        caller.user_id,
        caller.sub,
        lambda: services.record(caller),
        services.clock(),
    )
    if not begun:
        raise try_again()
    return Answer(202, {"status": "erasing", "not_erased": [dict(entry) for entry in NOT_ERASED]})
