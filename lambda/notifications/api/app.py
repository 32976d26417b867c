"""The routes of the OpenAPI document, and the operations behind them."""

import json
from collections.abc import Callable, Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError
from botocore.exceptions import BotoCoreError, ClientError

from notifications.api import account, devices, history, phone, preferences, unsubscribe
from notifications.api.document import Operation, operations
from notifications.api.errors import ApiError, aws_failure, internal
from notifications.api.exchange import Answer, Request, request_of
from notifications.api.services import Services

OPERATIONS: Mapping[str, Callable[[Services, Request], Answer]] = {
    "showPreferences": preferences.show,
    "changePreferences": preferences.change,
    "listNotifications": history.show,
    "addDevice": devices.add,
    "removeDevice": devices.remove,
    "changePhone": phone.change,
    "deleteAccount": account.erase,
    "askUnsubscribe": unsubscribe.ask,
    "unsubscribe": unsubscribe.unsubscribe,
}
# for people: their errors are pages
PAGES = frozenset({"askUnsubscribe", "unsubscribe"})

log = Logger(child=True)


def app_from(services: Services) -> APIGatewayHttpResolver:
    """The API."""
    app = APIGatewayHttpResolver(debug=False)
    for operation in operations():
        rule = operation.path.replace("{", "<").replace("}", ">")
        app.route(rule, method=operation.method)(_endpoint(app, services, operation))

    @app.not_found
    def not_found(_error: NotFoundError) -> Response[str]:
        return _response(Answer(404, ApiError(404, "not_found", "There is no such route.").to_body()))

    return app


def _endpoint(
    app: APIGatewayHttpResolver, services: Services, operation: Operation
) -> Callable[..., Response[str]]:
    run = OPERATIONS[operation.name]

    def endpoint(**path: str) -> Response[str]:
        sub = ""
        try:
            request = request_of(operation, app.current_event.raw_event, path)
            sub = request.signed_in.sub if request.signed_in else ""
            answer = run(services, request)
        except ApiError as error:
            answer = _refusal(operation, error)
        except (BotoCoreError, ClientError) as error:
            code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            log.error("AWS failed", operation=operation.name, sub=sub, error=code)
            answer = _refusal(operation, aws_failure(error))
        except Exception as error:
            # the message, and so the traceback, may hold what the person sent
            log.error("unexpected", operation=operation.name, sub=sub, error=type(error).__name__)
            answer = _refusal(operation, internal())
        log.info("answered", operation=operation.name, sub=sub, status=answer.status)
        return _response(answer)

    return endpoint


def _refusal(operation: Operation, error: ApiError) -> Answer:
    if operation.name in PAGES:
        return unsubscribe.page_of(error)
    return Answer(error.status, error.to_body())


def _response(answer: Answer) -> Response[str]:
    page = isinstance(answer.body, str)
    # an answer without a body has an empty one: null is not documented
    text = answer.body if isinstance(answer.body, str) else json.dumps(answer.body, ensure_ascii=False)
    return Response(
        status_code=answer.status,
        content_type=("text/html; charset=utf-8" if page else "application/json") if answer.body else None,
        body=text if answer.body is not None else "",
        headers={"Cache-Control": "no-store", **answer.headers},
    )
