"""The guarantee: takes every row that is due, whatever the reason.

Waiting for an opt-in, put off after a failure, missed by the stream, held by a worker that died.
"""

import random
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.delivery import TimeLeft
from notifications.notification import DUE_SHARDS
from notifications.settings import DeliverySettings
from notifications.wiring import delivery_from

log = Logger()
metrics = Metrics()
_delivery = delivery_from(DeliverySettings.load())


@metrics.log_metrics
@log.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Sends the rows that are due, as many as there is time for; answers how many it took."""
    taken = 0
    time_left = TimeLeft(context)
    # by chance, so that a long queue in one shard does not starve the shard after it
    for shard in random.sample(range(DUE_SHARDS), DUE_SHARDS):
        for due in _delivery.outbox.due(str(shard), _delivery.clock()):
            if not time_left.for_a_row():
                break
            try:
                attempt = _delivery.deliver(due, time_left)
            except Exception as error:
                # whatever it is, this row is due again when its lease ends; the others need not wait for it
                log.error("row left", notification=due.notification_id, error=type(error).__name__)
                continue
            taken += attempt is not None
            for name in attempt.metrics if attempt else []:
                metrics.add_metric(name, MetricUnit.Count, 1)
    metrics.add_metric("Swept", MetricUnit.Count, taken)
    return {"taken": taken}
