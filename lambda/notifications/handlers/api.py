"""The HTTP API: one function behind all its routes."""

import json
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from notifications.api.app import app_from
from notifications.api.services import Services
from notifications.catalogue import catalogue_from
from notifications.clients import SENDING, Patience, client
from notifications.outbox import Outbox
from notifications.rates import Rates
from notifications.settings import ApiSettings
from notifications.tokens import Tokens
from notifications.users import Users

# API Gateway waits half a minute; who is cut off repeats, and every operation bears that
ANSWER = Patience(connect_seconds=0.5, read_seconds=2.0, attempts=2)

log = Logger()
_settings = ApiSettings.load()
_dynamodb = client("dynamodb", ANSWER)
_app = app_from(
    Services(
        users=Users(_dynamodb, _settings.user_table),
        outbox=Outbox(_dynamodb, _settings.notification_table),
        categories=catalogue_from(_settings.catalogue),
        rates=Rates(_dynamodb, _settings.rate_table, json.loads(_settings.channel_rates)),
        tokens=Tokens(client("kms", ANSWER), _settings.token_key_arn),
        sns=client("sns", SENDING),
        email_delivery=_settings.email_delivery,
        push_applications=json.loads(_settings.push_applications),
    )
)


# said aloud, or an environment variable could switch the log of events on, which hold people's data
@log.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answers one request of API Gateway."""
    return _app.resolve(event, context)
