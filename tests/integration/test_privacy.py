"""No personal data outside the tables and the mails."""

import json

import pytest

from scripts.person import Application, Person

from .conftest import Deployment
from .test_failures import sns_refuses


@pytest.mark.needs("mailbox", "trigger", "opt-in")
def test_no_log_line_and_no_metric_holds_an_address_or_a_username(
    system: Deployment, application: Application
) -> None:
    smooth, refused, broken = people = [Person(), Person(), Person()]
    sub = application.register(smooth)
    system.welcomed(smooth, sub)
    with sns_refuses(system):
        system.wait_state(f"welcome#{application.register(refused)}", "RETRY", within=40)
    application.sign_up(broken)
    with (
        system.changed("post_confirmation", USER_TABLE="no-such-table"),
        pytest.raises(application.cognito.exceptions.UserLambdaValidationException),
    ):
        application.confirm(broken, application.code(broken))

    logged = "\n".join(system.logs())
    assert sub in logged, "the logs are the right ones"
    assert "registration not stored: AccessDeniedException" in logged
    assert "@" not in logged
    for person in people:
        assert person.username not in logged

    metrics = system.client("cloudwatch").get_paginator("list_metrics").paginate()
    counted = json.dumps([metric for page in metrics for metric in page["Metrics"]])
    assert not any(person.username in counted or person.email in counted for person in people)
