"""Goes on with what is for everyone, every minute until it is done."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.broadcast import SLICE_SECONDS, FanOut
from notifications.clients import DELIVERY, client
from notifications.outbox import BROADCASTS, Outbox
from notifications.settings import Settings

log = Logger()
metrics = Metrics()
_settings = Settings.load()
_fan_out = FanOut(Outbox(client("dynamodb", DELIVERY), _settings.notification_table), _settings.user_table)


@metrics.log_metrics
@log.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Writes rows of the broadcasts that are due, while there is time; answers how many it wrote."""

    def time_for_another() -> bool:
        return context.get_remaining_time_in_millis() / 1000 > SLICE_SECONDS

    written = 0
    for due in _fan_out.outbox.due(BROADCASTS, _fan_out.clock()):
        if not time_for_another():
            break
        try:
            tally = _fan_out.advance(due, time_for_another)
        except Exception as error:
            # whatever it is, it is due again when its lease ends; the others need not wait for it
            log.error("broadcast left", notification=due.notification_id, error=type(error).__name__)
            continue
        log.info("broadcast", notification=due.notification_id, tally=tally)
        written += tally.get("Written", 0)
        for name, count in tally.items():
            metrics.add_metric(name, MetricUnit.Count, count)
    metrics.add_metric("Rows", MetricUnit.Count, written)
    return {"written": written}
