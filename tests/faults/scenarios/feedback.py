"""SES tells what became of a mail, and SNS and Lambda tell it again until it is taken.

Lambda calls the function three times, and then puts what it was told in the refused queue, from where an
operator calls it again: to the function it is all the same event.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from notifications.catalogue import EMAIL
from notifications.feedback import STOP_KEY, TAG, Verdict, tag_value
from notifications.notification import State
from tests.deployment import Row
from tests.faults.history import put, sent
from tests.faults.lane import Lane
from tests.faults.scenario import ROUNDS, Case, Scenario

DETAILS: dict[Verdict, tuple[str, str, Row]] = {
    Verdict.BOUNCE: ("bounce", "bouncedRecipients", {"bounceType": "Permanent", "bounceSubType": "General"}),
    Verdict.COMPLAINT: ("complaint", "complainedRecipients", {"complaintFeedbackType": "abuse"}),
}


@dataclass
class Told(Case):
    """One event about a mail to the first person.

    taken: whether the last call took it.
    """

    verdict: Verdict = Verdict.BOUNCE
    row: str = ""
    taken: bool = False
    resumed: bool = False

    def act(self) -> None:
        details, who, more = DETAILS[self.verdict]
        email = self.people[0].email
        told = {
            "eventType": str(self.verdict),
            details: {who: [{"emailAddress": email}], "timestamp": "2026-11-25T12:00:00.000Z", **more},
            "mail": {"messageId": "m-1", "destination": [email], "tags": {TAG: [tag_value(self.row)]}},
        }
        topic = f"{self.lane.outputs['notification_topic_arn']}-feedback"
        record: dict[str, Any] = {
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": f"{topic}:1",
            "Sns": {"Type": "Notification", "MessageId": "1", "TopicArn": topic, "Message": json.dumps(told)},
        }
        _answer, error = self.lane.invoke("feedback", {"Records": [record]})
        self.taken = not error

    def recover(self) -> None:
        for _ in range(ROUNDS):
            if self.taken:
                return
            self.act()

    def verify(self) -> int:
        assert self.taken, "the event was not taken in the end"
        self.check_records()
        first, other = (self.lane.user(person) or {} for person in self.people)
        assert "Stopped" not in other, "somebody else gets no mail any more"
        row = self.check_row()
        stopped = first.get("Stopped", {}).get(STOP_KEY, {}).get("Reason")
        assert stopped == (None if self.resumed else self.verdict), f"the way is stopped: {stopped}"
        assert row["Results"][EMAIL]["Reason"] == self.verdict, row["Results"]
        self.check_over()
        return 0

    def check_row(self) -> Row:
        row = self.lane.notification(self.row)
        assert row, "no row"
        assert (row["State"], row["Reason"]) == (State.FAILED, self.verdict), row["State"]
        return row


def begins(arrange: Callable[[Told], None], **which: Any) -> Callable[[Lane], Case]:
    def begin(lane: Lane) -> Case:
        case = Told(lane, **which)
        who = case.registered()
        case.registered()
        case.row = f"app#{who.user_id}"
        row = sent(who, case.row)
        put(lane, {**row, "Reason": "", "Results": {EMAIL: {"At": row["CreatedAt"], "State": "SENT"}}})
        arrange(case)
        return case

    return begin


def first(_case: Told) -> None:
    """Of the first event."""


def stopped_before(case: Told) -> None:
    """Another way to the person was stopped earlier."""
    case.lane.change_record(case.people[0], Stopped={"SMS": {"Reason": "OptedOut", "At": "2026-11-24"}})


def told_before(case: Told) -> None:
    """The person has resumed since: an old event that is told again must not undo that."""
    case.act()
    assert case.taken
    case.lane.dynamodb.update_item(
        TableName=case.lane.outputs["user_table_name"],
        Key={"UserID": {"S": case.people[0].username}},
        UpdateExpression="REMOVE Stopped",
    )
    case.taken, case.resumed = False, True


SCENARIOS = [
    Scenario("a mail bounces", "feedback", begins(first), "ses"),
    Scenario("somebody complains", "feedback", begins(stopped_before, verdict=Verdict.COMPLAINT), "ses"),
    Scenario("an event is told again", "feedback", begins(told_before), "ses"),
]
