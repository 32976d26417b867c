"""Registers users of the pool who were missed, and counts records whose user is gone."""

from collections import Counter
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from notifications.clients import DELIVERY, client
from notifications.outbox import Outbox
from notifications.reconciliation import SETTLED, Finding, Reconciliation, Verdict
from notifications.reconciliation_pass import PAGE_SECONDS, Pass
from notifications.settings import ReconcileSettings

log = Logger()
metrics = Metrics()
_settings = ReconcileSettings.load()


def _tell(finding: Finding, verdict: Verdict) -> None:
    log.warning("was missing", sub=finding.account.sub, verdict=verdict)


_pass = Pass(
    Reconciliation(
        client("cognito-idp", DELIVERY),
        _settings.user_pool_id,
        Outbox(client("dynamodb", DELIVERY), _settings.notification_table),
        _settings.user_table,
        settled=timedelta(seconds=int(_settings.settled_seconds)) if _settings.settled_seconds else SETTLED,
    ),
    every=timedelta(hours=int(_settings.every_hours)),
    tell=_tell,
)


@metrics.log_metrics
@log.inject_lambda_context
def handler(_event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Goes on with the pass that is due, while there is time; answers what it has seen, by metric."""

    def time_for_another() -> bool:
        return context.get_remaining_time_in_millis() / 1000 > PAGE_SECONDS

    tally: Counter[str] = Counter(Reconciled=0)
    try:
        _pass.advance(tally, time_for_another)
    except Exception as error:
        # the next tick goes on; the error's message may hold a user name
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        log.error("reconciliation left", error=code)
        tally["ReconciliationFailed"] += 1
    if tally.total():
        log.info("reconciliation", tally=tally)
    for name, count in tally.items():
        metrics.add_metric(name, MetricUnit.Count, count)
    return dict(tally)
