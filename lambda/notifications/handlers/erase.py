"""Erases the people who asked for it: what the API has begun comes to its end here."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from notifications.clients import DELIVERY, client
from notifications.erasure import Erasure
from notifications.letters import Letters, OutOfTimeError
from notifications.outbox import ERASURES, Outbox
from notifications.settings import EraseSettings

# A step makes few calls after it has looked at the time
ENOUGH_SECONDS = 8 * DELIVERY.worst_case_seconds

log = Logger()
metrics = Metrics()
_settings = EraseSettings.load()
_outbox = Outbox(client("dynamodb", DELIVERY), _settings.notification_table)
_clients = {service: client(service, DELIVERY) for service in ("cognito-idp", "sns", "sqs")}


@metrics.log_metrics
@log.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Works off the erasures that are due; answers how many came to their end."""

    def check_time() -> None:
        if context.get_remaining_time_in_millis() / 1000 < ENOUGH_SECONDS:
            raise OutOfTimeError

    erasure = Erasure(
        user_table=_settings.user_table,
        outbox=_outbox,
        cognito=_clients["cognito-idp"],
        user_pool_id=_settings.user_pool_id,
        sns=_clients["sns"],
        topic_arn=_settings.notification_topic_arn,
        letters=Letters(_clients["sqs"], _settings.refused_queue_url),
        check_time=check_time,
    )
    ended = 0
    for due in _outbox.due(ERASURES, erasure.clock()):
        try:
            check_time()
            ended += erasure.work_off(due) is True
        except OutOfTimeError:
            break
        except Exception as error:
            # whatever it is, it is due again when its lease ends; the others need not wait for it. Its key is
            # a pseudonym, the error's message may be more
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            log.error("erasure left", notification=due.notification_id, error=code)
            metrics.add_metric("ErasureFailed", MetricUnit.Count, 1)
    metrics.add_metric("Erased", MetricUnit.Count, ended)
    return {"ended": ended}
