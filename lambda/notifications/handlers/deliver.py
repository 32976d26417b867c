"""The fast way: sends a row as soon as the table's stream shows it.

What goes wrong with a row is written on the row, and the sweep takes it from there. A record is
reported back to the stream only when not even that could be written.
"""

from decimal import Decimal
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.dynamo_db_stream_event import DynamoDBRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.delivery import TimeLeft
from notifications.outbox import Due, due_by_hand
from notifications.settings import DeliverySettings
from notifications.wiring import delivery_from

log = Logger()
metrics = Metrics()
_processor = BatchProcessor(event_type=EventType.DynamoDBStreams, raise_on_entire_batch_failure=False)
_delivery = delivery_from(DeliverySettings.load())


@metrics.log_metrics
# said aloud, or an environment variable could switch the log of events on, which hold people's data
@log.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Sends the rows of a batch; answers with the records that must come again."""
    metrics.add_metric("Received", MetricUnit.Count, len(event["Records"]))

    time_left = TimeLeft(context)

    def deliver(record: DynamoDBRecord) -> None:
        # what there is no time for is due again without our help
        attempt = _delivery.deliver(_due_of(record), time_left) if time_left.for_a_row() else None
        for name in attempt.metrics if attempt else []:
            metrics.add_metric(name, MetricUnit.Count, 1)

    return dict(
        process_partial_response(event=event, record_handler=deliver, processor=_processor, context=context)
    )


def _due_of(record: DynamoDBRecord) -> Due:
    row = record.raw_event["dynamodb"]
    due_at = row.get("NewImage", {}).get("DueAt", {}).get("N")
    return due_by_hand(row["Keys"]["NotificationID"]["S"], Decimal(due_at) if due_at else None)
