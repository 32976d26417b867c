import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scripts.doctor.checks.functions import functions
from scripts.doctor.checks.invocations import invocations, kind_of
from scripts.doctor.checks.logs import logs
from scripts.doctor.checks.mappings import mappings, schedules
from scripts.doctor.findings import Status

from .conftest import BROKEN, WARNING, Clinic, allow, arn, function_arn, metrics, policy

API = "apigateway.amazonaws.com"
ROUTES = arn("execute-api", "abc/*/*")
NAMES = {"function_names": {"post_confirmation": "people-post-confirmation"}}
HASH = "the-package-that-was-applied="
MINUTES_AGO = 1780315200000 - 60_000


def configuration(**more: Any) -> dict[str, Any]:
    """GetFunctionConfiguration's answer."""
    return {
        "FunctionName": "people-post-confirmation",
        "CodeSha256": HASH,
        "Handler": "a.b",
        "MemorySize": 512,
        "Role": "role",
        "Runtime": "python3.13",
        "Timeout": 5,
        "Environment": {"Variables": {"USER_TABLE": "people"}},
        "LastModified": "2026-05-01T00:00:00.000+0000",
        **more,
    }


@pytest.fixture
def one(clinic: Clinic) -> Clinic:
    """A system of one function, which is well."""
    return (
        clinic.giving(**NAMES)
        .knowing(
            "aws_lambda_function",
            function_name="people-post-confirmation",
            source_code_hash=HASH,
            handler="a.b",
            memory_size=512,
            role="role",
            runtime="python3.13",
            timeout=5,
            environment=[{"variables": {"USER_TABLE": "people"}}],
        )
        .answering(
            lambda__GetFunctionConfiguration=configuration(),
            lambda__GetFunctionConcurrency={},
            lambda__GetAccountSettings={"AccountLimit": {"UnreservedConcurrentExecutions": 1000}},
            cloudwatch__GetMetricData=metrics(Invocations=3),
            logs__FilterLogEvents={"events": []},
        )
    )


def test_a_function_as_terraform_made_it(one: Clinic) -> None:
    assert one.told(functions) == {}


@pytest.mark.parametrize(
    ("answer", "check", "status"),
    [
        ("ResourceNotFoundException", "functions.there", BROKEN),
        (configuration(State="Failed", StateReasonCode="InvalidRuntime"), "functions.ready", BROKEN),
        (configuration(LastUpdateStatus="Failed"), "functions.ready", BROKEN),
        (configuration(CodeSha256="another="), "functions.package", WARNING),
        (configuration(Timeout=60), "functions.settings", WARNING),
        (configuration(Environment={}), "functions.settings", WARNING),
    ],
)
def test_a_function_that_is_not_so(one: Clinic, answer: Any, check: str, status: Status) -> None:
    told = one.answering(lambda__GetFunctionConfiguration=answer).told(functions)
    assert {name: state for name, (state, _words) in told.items()} == {check: status}


def test_a_setting_is_named_and_its_value_is_not(one: Clinic) -> None:
    changed = configuration(Environment={"Variables": {"USER_TABLE": "secret", "MORE": "secret"}})
    _, words = one.answering(lambda__GetFunctionConfiguration=changed).told(functions)["functions.settings"]
    assert ("USER_TABLE" in words, "MORE" in words, "secret" in words) == (True, True, False)


def test_a_function_that_is_switched_off(one: Clinic) -> None:
    told = one.answering(lambda__GetFunctionConcurrency={"ReservedConcurrentExecutions": 0}).told(functions)
    assert told["functions.concurrency"][0] is BROKEN


def test_a_new_account_has_little_concurrency(one: Clinic) -> None:
    limit = {"AccountLimit": {"UnreservedConcurrentExecutions": 10}}
    assert one.answering(lambda__GetAccountSettings=limit).told(functions)["functions.account"][0] is WARNING


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        ({"FunctionVersion": "3"}, WARNING, "turned to version 3, and 4 was applied: rolled back?"),
        ("ResourceNotFoundException", BROKEN, "live is gone"),
        (
            {"FunctionVersion": "4", "RoutingConfig": {"AdditionalVersionWeights": {"5": 0.1}}},
            WARNING,
            "shares its calls with version 5",
        ),
    ],
)
def test_an_alias_that_was_turned(one: Clinic, answer: Any, status: Status, words: str) -> None:
    aliased = one.knowing(
        "aws_lambda_alias", function_name="people-post-confirmation", name="live", function_version="4"
    )
    assert aliased.answering(lambda__GetAlias={"FunctionVersion": "4"}).told(functions) == {}
    told = aliased.answering(lambda__GetAlias=answer).told(functions)
    assert told["functions.alias"][0] is status
    assert words in told["functions.alias"][1]


@pytest.mark.parametrize("older", [{"CodeSha256": "older="}, {"Timeout": 3}])
def test_an_apply_that_was_interrupted_before_it_had_published_a_version(
    one: Clinic, older: dict[str, Any]
) -> None:
    aliased = one.knowing(
        "aws_lambda_alias", function_name="people-post-confirmation", name="live", function_version="4"
    ).answering(
        lambda__GetAlias={"FunctionVersion": "4"},
        lambda__GetFunctionConfiguration=lambda asked: configuration(**older if "Qualifier" in asked else {}),
    )
    told = aliased.told(functions)
    assert told["functions.alias"][0] is WARNING
    assert "live leads to version 4, which is older than what was applied" in told["functions.alias"][1]


def test_whoever_is_to_call_a_function_may(one: Clinic) -> None:
    known = one.knowing(
        "aws_lambda_permission",
        function_name="people-api",
        principal=API,
        source_arn=ROUTES,
        qualifier="live",
    )
    well = known.answering(lambda__GetPolicy=policy(allow(API, ROUTES)))
    assert well.told(functions) == {}
    assert well.aws.given("lambda.GetPolicy") == [{"FunctionName": "people-api", "Qualifier": "live"}]
    told = known.answering(
        lambda__GetPolicy=policy(allow(API, "arn:aws:execute-api:eu-west-1:1:other"))
    ).told(functions)
    assert told["functions.permission"][0] is BROKEN


# ---------------------------------------------------------------- how calls went


@pytest.mark.parametrize(
    ("handler", "values", "check", "status"),
    [
        ("post_confirmation", {"Invocations": 100, "Errors": 1}, "invocations.errors", BROKEN),
        ("enqueue", {"Invocations": 100, "Errors": 1}, "invocations.errors", WARNING),
        ("enqueue", {"Invocations": 100, "Errors": 50}, "invocations.errors", BROKEN),
        ("post_confirmation", {"Invocations": 1, "Throttles": 1}, "invocations.throttles", BROKEN),
        ("enqueue", {"Invocations": 1, "Throttles": 1}, "invocations.throttles", WARNING),
        ("enqueue", {"Invocations": 1, "AsyncEventsDropped": 1}, "invocations.dropped", BROKEN),
        ("deliver", {"Invocations": 1, "IteratorAge": 400_000}, "invocations.behind", WARNING),
        ("post_confirmation", {"Invocations": 1, "Duration": 5000}, "invocations.timeouts", BROKEN),
        ("post_confirmation", {"Invocations": 1, "Duration": 4200}, "invocations.timeouts", WARNING),
        ("sweep", {"Invocations": 1, "Duration": 5000}, "invocations.timeouts", WARNING),
    ],
)
def test_what_went_wrong_is_told(
    one: Clinic, handler: str, values: dict[str, float], check: str, status: Status
) -> None:
    clinic = one.giving(function_names={handler: "people-post-confirmation"})
    told = clinic.answering(cloudwatch__GetMetricData=metrics(**values)).told(invocations)
    assert {name: state for name, (state, _words) in told.items()} == {check: status}


@pytest.mark.parametrize("values", [{"Invocations": 10, "Duration": 3000, "IteratorAge": 60_000}, {}])
def test_what_went_well_is_told_in_a_line(one: Clinic, values: dict[str, float]) -> None:
    well = one.answering(cloudwatch__GetMetricData=metrics(**values))
    assert well.told(invocations) == {}
    calls = f"{int(values.get('Invocations', 0))} calls"
    assert well.seen(invocations) == {
        "invocations.errors": f"{calls}, no error",
        "invocations.logs": "no error in their logs",
    }


def test_what_went_wrong_is_not_also_said_to_be_well(one: Clinic) -> None:
    events = [{"message": "[ERROR] KeyError", "timestamp": MINUTES_AGO}]
    bad = one.answering(cloudwatch__GetMetricData=metrics(Errors=1), logs__FilterLogEvents={"events": events})
    assert bad.seen(invocations) == {}


def test_the_longest_call_counts_and_the_errors_are_added_up(one: Clinic) -> None:
    one.told(invocations)
    (given,) = one.aws.given("cloudwatch.GetMetricData")
    how = {
        q["MetricStat"]["Metric"]["MetricName"]: q["MetricStat"]["Stat"] for q in given["MetricDataQueries"]
    }
    assert {name for name, statistic in how.items() if statistic == "Maximum"} == {"Duration", "IteratorAge"}
    assert how["Errors"] == "Sum"


@pytest.mark.parametrize(("handler", "to_reconcile"), [("post_confirmation", True), ("enqueue", False)])
def test_those_whom_the_trigger_failed_are_to_be_reconciled(
    one: Clinic, handler: str, to_reconcile: bool
) -> None:
    clinic = one.giving(function_names={handler: "people-post-confirmation"})
    _, words = clinic.answering(cloudwatch__GetMetricData=metrics(Errors=1)).told(invocations)[
        "invocations.errors"
    ]
    assert ("make reconcile ENV=prod" in words) is to_reconcile


@pytest.mark.parametrize(("minutes", "words"), [(90, "in 90 min"), (180, "in 3 h")])
def test_for_how_long_is_told(one: Clinic, minutes: int, words: str) -> None:
    clinic = one.answering(cloudwatch__GetMetricData=metrics(Errors=1))
    assert words in clinic.told(invocations, since=timedelta(minutes=minutes))["invocations.errors"][1]


def test_a_log_that_is_not_there_is_told_elsewhere(one: Clinic) -> None:
    assert one.answering(logs__FilterLogEvents="ResourceNotFoundException").told(invocations) == {}
    denied = one.answering(logs__FilterLogEvents="AccessDeniedException").told(invocations)
    assert "not looked at" in denied["invocations.logs"][1]


@pytest.mark.parametrize(
    ("schedule", "changed", "silent"),
    [
        ("rate(1 minute)", "2026-05-01", True),
        ("rate(30 minutes)", "2026-05-01", True),
        ("rate(6 hours)", "2026-05-01", False),
        ("cron(0 3 * * ? *)", "2026-05-01", False),
        ("rate(1 minute)", "2026-06-01", True),
    ],
)
def test_a_schedule_that_calls_nobody_in_its_time_is_told(
    one: Clinic, schedule: str, changed: str, silent: bool
) -> None:
    known = one.knowing(
        "aws_scheduler_schedule", name="people-post-confirmation", schedule_expression=schedule
    )
    told = known.answering(
        cloudwatch__GetMetricData=metrics(),
        lambda__GetFunctionConfiguration=configuration(LastModified=f"{changed}T00:00:00.000+0000"),
    ).told(invocations)
    assert {name: state for name, (state, _words) in told.items()} == (
        {"invocations.silent": BROKEN} if silent else {}
    )


def test_a_new_function_has_had_no_time_to_be_called(one: Clinic) -> None:
    schedule = {"name": "people-post-confirmation", "schedule_expression": "rate(1 minute)"}
    told = one.knowing("aws_scheduler_schedule", **schedule).answering(
        cloudwatch__GetMetricData=metrics(),
        lambda__GetFunctionConfiguration=configuration(LastModified="2026-06-01T11:55:00.000+0000"),
    )
    assert told.told(invocations) == {}


def test_errors_in_the_log_are_counted_by_kind_and_never_quoted(one: Clinic) -> None:
    lines = [
        {"level": "ERROR", "errorType": "KeyError", "errorMessage": "ada@example.com"},
        {"level": "ERROR", "errorType": "KeyError"},
        {"level": "ERROR", "message": "ada@example.com could not"},
        {"level": "INFO", "message": "delivery"},
        {"type": "platform.report", "record": {"status": "timeout"}},
    ]
    events = [{"message": json.dumps(line), "timestamp": MINUTES_AGO} for line in lines]
    _, words = one.answering(logs__FilterLogEvents={"events": events}).told(invocations)["invocations.logs"]
    for seen in ("KeyError (2)", "Error (1)", "Timeout (1)", "11:59:00 UTC"):
        assert seen in words
    assert "ada" not in words


def test_no_more_of_a_log_is_read_than_a_report_has_time_for(one: Clinic) -> None:
    """And it is not said that there is nothing in the rest."""
    pages = iter(range(1000))
    clinic = one.answering(logs__FilterLogEvents=lambda _given: {"events": [], "nextToken": str(next(pages))})
    assert clinic.seen(invocations)["invocations.logs"] == (
        "no error in 10 pages of its log, and there is more of it"
    )
    assert len(clinic.aws.given("logs.FilterLogEvents")) == 10
    event = {"message": '{"level": "ERROR"}', "timestamp": MINUTES_AGO}
    found = one.answering(
        logs__FilterLogEvents=lambda _given: {"events": [event], "nextToken": str(next(pages))}
    )
    assert (
        "Error (10); the last at 11:59:00 UTC; there is more"
        in found.told(invocations)["invocations.logs"][1]
    )


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("2026-01-01T00:00:00Z 0123 Task timed out after 3.00 seconds", "Timeout"),
        ("[ERROR] botocore.exceptions.ClientError: ada@example.com", "botocore.exceptions.ClientError"),
        ("Traceback (most recent call last):", "Traceback"),
        ("START RequestId: 1", ""),
        ('{"level": "CRITICAL", "message": "unexpected", "error": "KeyError"}', "KeyError"),
        ('{"level": "ERROR", "message": "not stored: Throttling"}', "not stored: Throttling"),
        ('{"level": "ERROR", "message": "of 42"}', "Error"),
        ('["ERROR"]', ""),
        ('{"record": "error"}', ""),
    ],
)
def test_a_line_tells_of_a_kind_of_error(line: str, kind: str) -> None:
    assert kind_of(line) == kind


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    {"level": st.sampled_from(["ERROR", "INFO"])},
    optional=dict.fromkeys(("errorType", "error", "message", "record"), JSON),
)


@given(st.text() | FIELDS.map(json.dumps))
@example("[" * 100_000)
def test_any_line_can_be_read_and_no_address_or_number_comes_out(line: str) -> None:
    found = kind_of(line)
    assert "@" not in found
    assert not any(char.isdigit() for char in found)


# ---------------------------------------------------------------- what feeds them


STREAM = arn("dynamodb", "table/people-Notifications/stream/1")
PATTERN = {"eventName": ["INSERT"], "a": 1}


@pytest.fixture
def mapped(clinic: Clinic) -> Clinic:
    return clinic.knowing(
        "aws_lambda_event_source_mapping",
        function_arn=function_arn("deliver"),
        event_source_arn=STREAM,
        filter_criteria=[{"filter": [{"pattern": json.dumps(PATTERN)}]}],
    )


def mapping(**more: Any) -> dict[str, Any]:
    """ListEventSourceMappings' answer."""
    filters = [{"Pattern": json.dumps(dict(reversed(PATTERN.items())), indent=1)}]
    live = {
        "UUID": "0" * 36,
        "EventSourceArn": STREAM,
        "State": "Enabled",
        "FilterCriteria": {"Filters": filters},
    }
    return {"EventSourceMappings": [{**live, **more}]}


@pytest.mark.parametrize(
    ("source", "words"),
    [(STREAM, "the stream of the notifications"), (arn("sqs", "a"), "the queue of requests")],
)
@pytest.mark.parametrize("another", [True, False])
def test_what_is_not_read_is_named(clinic: Clinic, source: str, words: str, another: bool) -> None:
    known = clinic.knowing(
        "aws_lambda_event_source_mapping", function_arn=function_arn("deliver"), event_source_arn=source
    )
    there = mapping(EventSourceArn=arn("sqs", "another")) if another else {"EventSourceMappings": []}
    _, said = known.answering(lambda__ListEventSourceMappings=there).told(mappings)["mappings.state"]
    assert f"nothing brings it {words}" in said
    assert ("it reads another source" in said) is another


def test_a_mapping_that_works(mapped: Clinic) -> None:
    for result in ("OK", "No records processed"):
        well = mapped.answering(lambda__ListEventSourceMappings=mapping(LastProcessingResult=result))
        assert well.told(mappings) == {}


@pytest.mark.parametrize(
    ("answer", "check", "status"),
    [
        ({"EventSourceMappings": []}, "mappings.state", BROKEN),
        (mapping(EventSourceArn=f"{STREAM}2"), "mappings.state", BROKEN),
        (mapping(State="Disabled", StateTransitionReason="User action"), "mappings.state", BROKEN),
        (mapping(State="Updating"), "mappings.state", WARNING),
        (mapping(LastProcessingResult="PROBLEM: Function call failed"), "mappings.result", WARNING),
        (mapping(FilterCriteria={"Filters": []}), "mappings.filter", BROKEN),
    ],
)
def test_a_mapping_that_does_not(mapped: Clinic, answer: Any, check: str, status: Status) -> None:
    told = mapped.answering(lambda__ListEventSourceMappings=answer).told(mappings)
    assert {name: state for name, (state, _words) in told.items()} == {check: status}


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        (
            {
                "State": "ENABLED",
                "ScheduleExpression": "rate(1 minute)",
                "Target": {"Arn": "a", "RoleArn": "r"},
            },
            False,
        ),
        ({"State": "DISABLED", "Target": {"Arn": "a", "RoleArn": "r"}}, True),
        ({"State": "ENABLED", "Target": {"Arn": "another", "RoleArn": "r"}}, True),
        ("ResourceNotFoundException", True),
    ],
)
def test_a_schedule_is_on_and_calls_its_function(clinic: Clinic, answer: Any, broken: bool) -> None:
    known = clinic.knowing(
        "aws_scheduler_schedule", name="people-sweep", group_name="people-sweep", target=[{"arn": "a"}]
    )
    told = known.answering(scheduler__GetSchedule=answer).told(schedules)
    assert {name: state for name, (state, _words) in told.items()} == (
        {"schedules.state": BROKEN} if broken else {}
    )


def test_log_groups_are_there_and_kept_as_intended(clinic: Clinic) -> None:
    known = clinic.knowing("aws_cloudwatch_log_group", name="/aws/lambda/people-api", retention_in_days=30)
    group = {"logGroupName": "/aws/lambda/people-api", "retentionInDays": 30}
    assert known.answering(logs__DescribeLogGroups={"logGroups": [group]}).told(logs) == {}
    alike = {"logGroups": [{**group, "logGroupName": "/aws/lambda/people-api-2"}]}
    assert known.answering(logs__DescribeLogGroups=alike).told(logs)["logs.there"][0] is BROKEN
    forever = {"logGroups": [{"logGroupName": "/aws/lambda/people-api"}]}
    assert "for ever" in known.answering(logs__DescribeLogGroups=forever).told(logs)["logs.retention"][1]
