"""How fast a channel may be used: one line for each channel, which all workers stand in.

SES and SMS have quotas by the second for a whole account, so the workers share one count: the moment at
which the channel is free next. Taking a turn moves it on by the time that one message takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Any

from botocore.exceptions import ClientError

from notifications.notification import EPOCH
from notifications.rows import marshal, unmarshal

# A worker waits for its turn for so long; a longer line is left to the sweep.
LONGEST_WAIT = timedelta(seconds=2)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Rates:
    """The ChannelRates table.

    per_second: by channel; a channel that is not in it is not bounded.

    Raises:
        ValueError: a rate is not above zero.
    """

    dynamodb: Any
    table: str
    per_second: Mapping[str, float]

    def __post_init__(self) -> None:
        wrong = [channel for channel, rate in self.per_second.items() if not rate > 0]
        if wrong:
            raise ValueError(f"the rate of a channel must be above zero: {', '.join(wrong)}")

    def turn(self, channel: str, now: datetime) -> timedelta | None:
        """Takes the next turn at a channel.

        Two writes at most. The line only ever grows, so one that was not free stays so for this worker, and
        it can stand in it however many others do so meanwhile. Workers whose clocks differ keep the distance
        too.

        Returns:
            How long to wait for it; None when the line is longer than LONGEST_WAIT, and no turn was taken.

        Raises:
            botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError: DynamoDB was not reached.
        """
        if channel not in self.per_second:
            return timedelta(0)
        now_ms = _milliseconds(now - EPOCH)
        last_ms = _milliseconds(now + LONGEST_WAIT - EPOCH)
        step = _step(self.per_second[channel])
        try:
            self._move(
                channel,
                ":next",
                "attribute_not_exists(NextFree) OR NextFree <= :now",
                {":next": now_ms + step, ":now": now_ms},
            )
        except _TakenError as taken:
            if taken.next_free is not None and taken.next_free > last_ms:
                return None
        else:
            return timedelta(0)
        try:
            moved = self._move(
                channel, "NextFree + :step", "NextFree <= :last", {":step": step, ":last": last_ms}
            )
        except _TakenError:
            return None
        return max(_MICROSECOND * int((moved - step - now_ms).scaleb(3)), timedelta(0))

    def _move(self, channel: str, to: str, condition: str, values: Mapping[str, Decimal]) -> Decimal:
        """Moves the end of the line, on a condition, and says where it is now."""
        try:
            answer = self.dynamodb.update_item(
                TableName=self.table,
                Key=marshal({"Channel": channel}),
                UpdateExpression=f"SET NextFree = {to}",
                ConditionExpression=condition,
                ExpressionAttributeValues=marshal(values),
                ReturnValues="UPDATED_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            refused: Any = error.response
            raise _TakenError(unmarshal(refused.get("Item", {})).get("NextFree")) from None
        moved: Decimal = unmarshal(answer["Attributes"])["NextFree"]
        return moved


class _TakenError(Exception):
    """The condition did not hold. next_free: the end of the line, where DynamoDB says it."""

    def __init__(self, next_free: Any) -> None:
        super().__init__()
        self.next_free = next_free


def _milliseconds(span: timedelta) -> Decimal:
    """To the microsecond: at some hundred a second a millisecond is much."""
    return Decimal(span // _MICROSECOND).scaleb(-3)


def _step(per_second: float) -> Decimal:
    """The milliseconds that one turn takes, rounded up, so that the rate is never exceeded."""
    return (1000 / Decimal(str(per_second))).quantize(Decimal("0.001"), ROUND_CEILING)
