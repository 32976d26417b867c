"""Takes what SES tells of the mails that it was given, from the topic that it tells it to.

The events hold addresses: nothing of them is logged. When one could not be taken the function fails in the
end, and Lambda brings the batch again: an event that was taken before changes nothing.
"""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.data_classes import SNSEvent
from aws_lambda_powertools.utilities.data_classes.sns_event import SNSEventRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.clients import DELIVERY, client
from notifications.feedback import Feedback, FeedbackError
from notifications.outbox import Outbox
from notifications.settings import Settings
from notifications.users import Users

log = Logger()
metrics = Metrics()
_settings = Settings.load()
_dynamodb = client("dynamodb", DELIVERY)
_feedback = Feedback(Users(_dynamodb, _settings.user_table), Outbox(_dynamodb, _settings.notification_table))


@metrics.log_metrics
# said aloud, or an environment variable could switch the log of events on, which hold people's data
@log.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Takes the events of a batch.

    Raises:
        FeedbackError: some could not be taken.
    """
    failed = 0
    for record in SNSEvent(event).records:
        try:
            verdict = _feedback.take(record.sns.message)
        except Exception as error:
            # whatever it is, the others are taken first
            failed += 1
            why = str(error) if isinstance(error, FeedbackError) else type(error).__name__
            log.error("feedback not taken", sns_message=_id_of(record), error=why)
            metrics.add_metric("NotTaken", MetricUnit.Count, 1)
            continue
        metrics.add_metric(verdict, MetricUnit.Count, 1)
    if failed:
        raise FeedbackError(f"{failed} of {len(event['Records'])} events were not taken")


def _id_of(record: SNSEventRecord) -> str:
    try:
        return str(record.sns.message_id)
    except (KeyError, TypeError):
        return ""
