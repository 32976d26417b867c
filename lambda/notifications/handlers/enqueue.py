"""Takes requests from the queue. What is refused goes to the refused queue, with the reason.

A message is reported back to the queue only when it is worth trying again.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.catalogue import catalogue_from
from notifications.clients import DELIVERY, client
from notifications.notification import EPOCH, timestamp
from notifications.outbox import Outbox
from notifications.requests import BusyError, Intake, RefusedError
from notifications.settings import EnqueueSettings

# of one message: find the recipient, write the row, look at what was there and write again; or refuse it.
# Whoever meets others at the same row may take longer and be cut off: then all that is left comes again, and
# a refusal may be told twice
ENOUGH_SECONDS = 6 * DELIVERY.worst_case_seconds

log = Logger()
metrics = Metrics()
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
_settings = EnqueueSettings.load()
_dynamodb = client("dynamodb", DELIVERY)
_sqs = client("sqs", DELIVERY)
_intake = Intake(
    _dynamodb,
    _settings.user_table,
    Outbox(_dynamodb, _settings.notification_table),
    catalogue_from(_settings.catalogue),
)


@metrics.log_metrics
# said aloud, or an environment variable could switch the log of events on, which hold people's data
@log.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Takes a batch of requests; answers with the messages that must come again."""
    metrics.add_metric("Received", MetricUnit.Count, len(event["Records"]))

    def take(record: SQSRecord) -> None:
        if context.get_remaining_time_in_millis() / 1000 < ENOUGH_SECONDS:
            # cut off half-way, all of the batch would come again
            raise BusyError
        now = datetime.now(UTC)
        try:
            taken = str(_intake.take(record.body, _sent_at(record), now))
        except RefusedError as refusal:
            _refuse(record, refusal, now)
            taken = "Refused"
            log.info("refused", message_id=record.message_id, reason=refusal.code)
        except Exception as error:
            log.warning("left", message_id=record.message_id, error=type(error).__name__)
            raise
        metrics.add_metric(taken, MetricUnit.Count, 1)

    return dict(
        process_partial_response(event=event, record_handler=take, processor=_processor, context=context)
    )


def _sent_at(record: SQSRecord) -> datetime:
    return EPOCH + timedelta(milliseconds=int(record.attributes["SentTimestamp"]))


def _refuse(record: SQSRecord, refusal: RefusedError, now: datetime) -> None:
    """Keeps a refused request where its sender finds it."""
    refused = {
        "reason": {"code": refusal.code, "message": str(refusal)},
        "refused_at": timestamp(now),
        "message_id": record.message_id,
        "request": refusal.kept,
    }
    _sqs.send_message(
        QueueUrl=_settings.refused_queue_url,
        MessageBody=json.dumps(refused),
        MessageAttributes={"Reason": {"DataType": "String", "StringValue": refusal.code}},
    )
