"""The command, what it may call, and that what cannot be looked at hides nothing."""

import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result
from rich.console import Console

from scripts.doctor import __main__ as command
from scripts.doctor import access, report
from scripts.doctor.context import tried
from scripts.doctor.examination import NAMES, SUBJECTS, examine
from scripts.doctor.findings import Finding, broken, ok, warning, worst
from scripts.doctor.intention import Intention, NotKnownError
from scripts.doctor.metrics import Metric, read
from scripts.terraform import TerraformError

from .conftest import ACCOUNT, BROKEN, OK, OUTPUTS, PREFIX, WARNING, Aws, Clinic, Place

LISTED = [(service, name) for service, names in access.OPERATIONS.items() for name in sorted(names)]
# what begins so reads: the Service Authorization Reference has no other of these names
READS = re.compile(r"(Admin)?(Get|List|Describe|Query|Head|Filter|Simulate)[A-Z]?")


# ---------------------------------------------------------------- what it may call


@pytest.mark.parametrize(("service", "operation"), LISTED)
def test_it_only_reads(service: str, operation: str) -> None:
    assert READS.match(operation)
    model = Aws().client(service).meta.service_model
    assert operation in model.operation_names, "there is no such call"


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("sqs", "receive_message", {"QueueUrl": "https://sqs.example.com/1/a"}),
        ("dynamodb", "delete_item", {"TableName": "abc", "Key": {"a": {"S": "a"}}}),
        ("kms", "decrypt", {"CiphertextBlob": b"a"}),
        ("lambda", "get_function", {"FunctionName": "a"}),
    ],
)
def test_any_other_call_is_refused_before_it_leaves(
    clinic: Clinic, service: str, call: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(access.NotListedError):
        getattr(clinic.context().client(service), call)(**arguments)
    assert clinic.aws.calls == []


def test_the_policy_allows_just_that_and_people_only_in_this_system() -> None:
    statements = access.policy(PREFIX)["Statement"]
    allowed = {action for statement in statements for action in statement["Action"]}
    assert allowed == {access.action(service, name) for service, name in LISTED}
    assert {"ses:GetAccount", "s3:ListBucket"} <= allowed, "as IAM calls them"
    for statement in statements:
        services = {action.split(":")[0] for action in statement["Action"]}
        if {"dynamodb:GetItem", "cognito-idp:AdminGetUser", "s3:GetObject"} & set(statement["Action"]):
            assert {resource.split(":")[2] for resource in statement["Resource"]} == services
    assert len(json.dumps(access.policy(PREFIX), separators=(",", ":"))) < 2048, "an inline policy of a user"


def test_rows_under_a_key_of_the_customers_take_that_key_by_way_of_dynamodb_alone() -> None:
    *usual, with_key = access.policy(PREFIX, "arn:aws:kms:eu-west-1:1:key/2")["Statement"]
    assert usual == access.policy(PREFIX)["Statement"]
    assert (with_key["Action"], with_key["Resource"]) == ("kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/2")
    assert with_key["Condition"] == {"StringLike": {"kms:ViaService": "dynamodb.*.amazonaws.com*"}}


# ---------------------------------------------------------------- what cannot be looked at


def test_where_everything_is_denied_everything_is_told_so(clinic: Clinic) -> None:
    """Of a system that Terraform knows no resource of: what is looked at is what the outputs name."""
    by_ses = clinic.giving(
        email_delivery="ses", ses_identity_arn="arn:aws:ses:eu-west-1:1:identity/example.com"
    )
    found = examine(by_ses.context(user="ada"), set(NAMES) - {"api"})
    nothing_known_of = {"mappings", "schedules", "tables", "logs", "roles"}
    assert {f.subject for f in found} == set(NAMES) - {"api"} - nothing_known_of
    assert [f for f in found if f.status is OK and f.check != "state.read"] == []
    assert all("is not allowed to these credentials" in f.seen for f in found if f.status is not OK)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ClientError({"Error": {"Code": "AccessDenied", "Message": "ada@example.com"}}, "GetRole"),
            "GetRole is not allowed",
        ),
        (
            ClientError({"Error": {"Code": "InvalidAction", "Message": "ada"}}, "GetRole"),
            "GetRole is not known here",
        ),
        (
            ClientError({"Error": {"Code": "Throttling", "Message": "ada"}}, "GetRole"),
            "GetRole answered Throttling",
        ),
        (NotKnownError("the output api_endpoint is not known"), "the output api_endpoint is not known"),
        (KeyError("ada@example.com"), "KeyError"),
    ],
)
def test_what_could_not_be_looked_at_says_why_and_keeps_what_was_found(error: Exception, words: str) -> None:
    def look() -> Any:
        yield ok("a.b", "it", "well")
        raise error

    first, second = tried("a.looked_at", "it", look)
    assert (first.status, second.status) == (OK, WARNING)
    assert words in second.seen
    assert "ada" not in f"{second.seen} {second.next_step}"


def test_subjects_are_looked_at_side_by_side_and_told_in_their_order(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    found = examine(clinic.context(), ["sms", "topic", "trigger"], heard.append)
    order = [f.subject for f in found]
    assert order == sorted(order, key=NAMES.index)
    assert set(order) == {"sms", "topic", "trigger"}
    assert set(heard) == {subject.title for subject in SUBJECTS if subject.name in order}


# ---------------------------------------------------------------- the intention


def test_a_state_is_read_with_all_its_modules() -> None:
    leaf = {
        "resources": [
            {"mode": "managed", "address": "module.a.module.b.x.y", "type": "x", "values": {"n": 1}}
        ]
    }
    data = {"mode": "data", "address": "data.x.y", "type": "x", "values": {"n": 2}}
    root = {"resources": [data], "child_modules": [{"child_modules": [leaf]}]}
    read = Intention.of({"values": {"outputs": {"a": {"value": "b"}}, "root_module": root}})
    assert read.output("a") == "b"
    assert [resource.values for resource in read.all("x")] == [{"n": 1}]
    assert read.find("x", n=2) is None
    with pytest.raises(NotKnownError, match="the output c is not known"):
        read.output("c")


def test_without_a_state_what_it_would_say_is_not_known_and_why() -> None:
    unread = Intention({"a": "b"}, why="it is locked away")
    assert unread.output("a") == "b"
    with pytest.raises(NotKnownError, match="it is locked away"):
        unread.all("x")


def test_nothing_is_known_of_what_was_never_deployed() -> None:
    assert Intention.of({"format_version": "1.0"}).outputs == {}


# ---------------------------------------------------------------- metrics


def test_metrics_are_read_in_as_many_calls_as_it_takes_and_each_as_it_is_meant(clinic: Clinic) -> None:
    wanted = [
        Metric("N", f"m{number}", statistic="Maximum" if number % 2 else "Sum") for number in range(501)
    ]
    some = {"MetricDataResults": [{"Id": "m0", "Values": [1.0, 2.0]}, {"Id": "m1", "Values": [1.0, 2.0]}]}
    looked = clinic.answering(cloudwatch__GetMetricData=some)
    looked.aws.answers["cloudwatch.GetMetricData"] = lambda given: (
        some if len(given["MetricDataQueries"]) > 1 else {"MetricDataResults": [{"Id": "m0", "Values": []}]}
    )
    values = read(looked.context(), wanted)
    assert [len(given["MetricDataQueries"]) for given in looked.aws.given("cloudwatch.GetMetricData")] == [
        500,
        1,
    ]
    assert [values[wanted[number]] for number in (0, 1, 2, 500)] == [3, 2, 0, 0]


def test_the_namespace_of_the_functions_metrics_is_what_they_are_told(clinic: Clinic) -> None:
    assert clinic.context().namespace == PREFIX
    told = [{"variables": {"POWERTOOLS_METRICS_NAMESPACE": "another"}}]
    known = clinic.knowing("aws_lambda_function", environment=[{"variables": {}}])
    assert known.context().namespace == PREFIX
    assert known.knowing("aws_lambda_function", environment=told).context().namespace == "another"


# ---------------------------------------------------------------- the report


FOUND = [
    ok("keys.state", "signing key", "enabled"),
    warning("sms.limit", "[red]the account[/red]", "nearly spent", "Raise it."),
    broken("sms.sandbox", "the account", "in it", "Leave it."),
]


def test_the_worst_counts() -> None:
    assert [worst(FOUND), worst(FOUND[:2]), worst(FOUND[:1]), worst([])] == [BROKEN, WARNING, OK, OK]


def test_a_table_in_groups_shows_names_as_they_are() -> None:
    shown = io.StringIO()
    report.show(Console(file=shown, width=160), FOUND)
    text = shown.getvalue()
    for words in ("[red]the account[/red]", "Raise it.", "Keys", "1 broken, 1 warning, 1 ok"):
        assert words in text
    assert text.count("SMS") == 1


# ---------------------------------------------------------------- the command


Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command on a system of which these findings are made."""

    def doctor(*line: str, found: list[Finding] | None = None, state: Any = None, **shell: str) -> Result:
        aws = Aws({"sts.GetCallerIdentity": {"Account": ACCOUNT}})
        known = {"values": {"outputs": {name: {"value": value} for name, value in OUTPUTS.items()}}}
        fake = MagicMock()
        fake.terraform.show.return_value = known if state is None else state
        if isinstance(state, Exception):
            fake.init.side_effect = state
        monkeypatch.setattr(command, "environment_named", lambda name, **_more: Place(name, {}, None, aws))
        monkeypatch.setattr(command, "Stack", lambda _environment, **_more: fake)
        if found is not None:
            monkeypatch.setattr(command, "examine", lambda *_arguments: found)
        return CliRunner().invoke(command.main, ["--env", "dev", *line], env=shell)

    return doctor


@pytest.mark.parametrize(
    ("found", "line", "code"),
    [
        (FOUND[:1], (), 0),
        (FOUND[:2], (), 0),
        (FOUND[:2], ("--strict",), 4),
        (FOUND[:1], ("--strict",), 0),
        (FOUND, (), 3),
        (FOUND, ("--strict", "--json"), 3),
    ],
)
def test_the_exit_code_says_how_bad_it_is(
    run: Run, found: list[Finding], line: tuple[str, ...], code: int
) -> None:
    assert run(*line, found=found).exit_code == code


def test_machines_get_one_object(run: Run) -> None:
    told = json.loads(run("--json", found=FOUND).stdout)
    assert (told["environment"], told["status"]) == ("dev", "broken")
    assert told["counts"] == {"ok": 1, "warning": 1, "broken": 1}
    assert told["findings"][2] == {
        "check": "sms.sandbox",
        "subject": "sms",
        "status": "broken",
        "about": "the account",
        "seen": "in it",
        "next_step": "Leave it.",
    }


def test_a_log_gets_a_table_without_colour(run: Run) -> None:
    command_line = f"aws logs tail /aws/lambda/{'name-' * 15}"
    done = run(found=[*FOUND, warning("logs.there", "it", "gone", command_line)])
    assert "Next step" in done.stdout
    assert command_line in done.stdout, "a log has no width, and the line is whole"
    assert "\x1b" not in done.output


def test_only_the_subjects_that_are_named_are_looked_at(run: Run) -> None:
    told = json.loads(run("--json", "--check", "sms", "--check", "pool").stdout)
    assert {finding["subject"] for finding in told["findings"]} == {"sms", "pool"}


def test_the_person_comes_from_make_too(run: Run) -> None:
    told = json.loads(run("--json", "--check", "person", DOCTOR_USER="ada").stdout)
    assert [finding["check"] for finding in told["findings"]] == ["person.looked_at"]
    assert json.loads(run("--json", "--check", "person").stdout)["findings"] == []


@pytest.mark.parametrize(
    "state",
    [
        ClientError({"Error": {"Code": "403", "Message": "no"}}, "HeadBucket"),
        TerraformError("init", "Error: the backend is not there"),
    ],
)
def test_without_the_state_it_goes_on_and_says_so(run: Run, state: Exception) -> None:
    done = run("--json", "--check", "trigger", "--check", "sms", state=state)
    told = json.loads(done.stdout)
    assert "not known" in next(f["seen"] for f in told["findings"] if f["subject"] == "trigger")
    assert {f["subject"] for f in told["findings"]} == {"trigger", "sms"}


def test_outputs_that_were_saved_stand_in_for_the_state(run: Run, tmp_path: Path) -> None:
    saved = tmp_path / "outputs.json"
    saved.write_text(json.dumps(dict(OUTPUTS)))
    told = json.loads(run("--json", "--check", "trigger", "--outputs", str(saved)).stdout)
    assert "DescribeUserPool is not allowed" in told["findings"][0]["seen"], "it was looked for"
    saved.write_text("[]")
    assert run("--outputs", str(saved)).exit_code == 2


def test_where_nothing_is_deployed_there_is_one_sentence(run: Run) -> None:
    done = run(state={"format_version": "1.0"})
    assert (done.exit_code, done.output) == (1, "Error: Nothing is deployed in 'dev': make deploy ENV=dev.\n")


def test_credentials_that_are_none_end_in_one_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expired = Place("dev", {}, None, Aws({"sts.GetCallerIdentity": "ExpiredToken"}))
    run(found=[])
    monkeypatch.setattr(command, "environment_named", lambda _name, **_more: expired)
    done = CliRunner().invoke(command.main, ["--env", "dev"])
    assert done.exit_code == 1
    assert re.fullmatch(r"Error: AWS: .*ExpiredToken.*\n", done.output)


def test_the_policy_is_printed_without_looking_at_anything(configuration: Path) -> None:
    done = CliRunner().invoke(command.main, ["--env", "dev", "--policy"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == access.policy("some-dev")


def test_another_environment_than_there_is_is_named(configuration: Path) -> None:
    done = CliRunner().invoke(command.main, ["--env", "nowhere"])
    assert (done.exit_code, "There is no environment 'nowhere'" in done.output) == (1, True)


def test_the_help_tells_the_exit_codes_and_the_permissions() -> None:
    shown = " ".join(CliRunner().invoke(command.main, ["--help"]).output.split())
    for words in ("3 when something is", "4 with --strict", "Print the IAM policy that this command needs"):
        assert words in shown
