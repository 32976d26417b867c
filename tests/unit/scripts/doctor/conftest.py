"""An AWS that answers what a test says, in the shapes of the services' own models, and denies all else."""

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from scripts.doctor.context import Context
from scripts.doctor.examination import Check
from scripts.doctor.findings import Finding, Status
from scripts.doctor.intention import Intention, Resource
from scripts.environment import Environment

ACCOUNT, REGION, PREFIX = "123456789012", "eu-west-1", "people"
OK, WARNING, BROKEN = Status
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
POOL = "eu-west-1_AbCdEfGhI"
# an error's code, or an answer, or what makes one of the call's parameters
Answer = str | Mapping[str, Any] | Callable[[Mapping[str, Any]], Any]
SESSION = boto3.Session(aws_access_key_id="none", aws_secret_access_key="none", region_name=REGION)


def arn(service: str, rest: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"


POOL_ARN = arn("cognito-idp", f"userpool/{POOL}")


def function_arn(name: str) -> str:
    return arn("lambda", f"function:{PREFIX}-{name}")


@cache
def of(service: str) -> Any:
    """A client of a service, to be copied: to make one takes longer than most tests."""
    make: Any = SESSION.client
    return make(service)


@dataclass
class Aws:
    """Answers by "service.Operation"; calls: what was asked."""

    answers: dict[str, Answer] = field(default_factory=dict)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def client(self, service: str, **_options: Any) -> Any:
        original = of(service)
        client = object.__new__(type(original))
        # nothing is shared that a test or the doctor changes
        meta = copy.copy(original.meta)
        meta.events = copy.copy(original.meta.events)
        vars(client).update(vars(original), meta=meta)

        def remember(params: Mapping[str, Any], context: dict[str, Any], **_more: Any) -> None:
            context["given"] = params

        def answer(model: Any, context: Mapping[str, Any], **_more: Any) -> tuple[Any, dict[str, Any]]:
            name = f"{service}.{model.name}"
            self.calls.append((name, context["given"]))
            found = self.answers.get(name, "AccessDenied")
            if callable(found):
                found = found(context["given"])
            if isinstance(found, str):
                # what AWS says may hold a name, and must not be shown
                error = {"Code": found, "Message": "ada@example.com is not there"}
                return SimpleNamespace(status_code=400), {"Error": error, "ResponseMetadata": {}}
            wrong = ParamValidator().validate(found, model.output_shape).generate_report()
            assert not wrong, f"{name} never answers so: {wrong}"
            return SimpleNamespace(status_code=200), {**found, "ResponseMetadata": {"HTTPStatusCode": 200}}

        client.meta.events.register("before-parameter-build.*.*", remember)
        client.meta.events.register("before-call.*.*", answer)
        return client

    def given(self, name: str) -> list[Mapping[str, Any]]:
        """The parameters of each call of an operation."""
        return [params for called, params in self.calls if called == name]


@dataclass(frozen=True)
class Place(Environment):
    """An environment whose AWS is that one."""

    aws: Aws = field(default_factory=Aws)

    def client(self, service: str, **options: Any) -> Any:
        return self.aws.client(service, **options)

    def setting(self, name: str) -> str:
        return {"name_prefix": PREFIX, "aws_region": REGION}[name]


OUTPUTS: Mapping[str, Any] = {
    "api_endpoint": "https://api.example.com",
    "delivery_failure_queue_url": f"https://sqs.example.com/{ACCOUNT}/{PREFIX}-deliver-failed",
    "email_delivery": "sns",
    "function_names": {
        handler: f"{PREFIX}-{handler.replace('_', '-')}"
        for handler in ("api", "broadcast", "deliver", "enqueue", "erase", "post_confirmation", "sweep")
    },
    "notification_queue_url": f"https://sqs.example.com/{ACCOUNT}/{PREFIX}-requests",
    "notification_table_name": f"{PREFIX}-Notifications",
    "notification_topic_arn": arn("sns", f"{PREFIX}-notifications"),
    "post_confirmation_arn": function_arn("post-confirmation"),
    "refused_queue_url": f"https://sqs.example.com/{ACCOUNT}/{PREFIX}-refused",
    "signing_key_arn": arn("kms", "key/0123"),
    "user_pool_client_id": "client",
    "user_pool_id": POOL,
    "user_table_name": f"{PREFIX}-UserPreferences",
}


@dataclass(frozen=True)
class Clinic:
    """A system as Terraform knows it, an AWS as a test says it is, and one who looks."""

    aws: Aws = field(default_factory=Aws)
    outputs: Mapping[str, Any] = field(default_factory=lambda: dict(OUTPUTS))
    resources: tuple[Resource, ...] = ()
    name: str = "prod"

    def knowing(self, kind: str, **values: Any) -> "Clinic":
        """With one more resource in the state."""
        return replace(self, resources=(*self.resources, Resource(f"{kind}.this", kind, values)))

    def giving(self, **outputs: Any) -> "Clinic":
        return replace(self, outputs={**self.outputs, **outputs})

    def answering(self, **answers: Answer) -> "Clinic":
        """service__Operation: what it answers; the service's hyphens as underscores."""
        named = {
            f"{service.replace('_', '-')}.{operation}": answer
            for name, answer in answers.items()
            for service, _, operation in [name.partition("__")]
        }
        return replace(self, aws=Aws({**self.aws.answers, **named}))

    def context(self, **more: Any) -> Context:
        place = Place(self.name, {}, None, self.aws)
        return Context(place, Intention(self.outputs, self.resources), NOW, **more)

    def look(self, check: Check, **more: Any) -> list[Finding]:
        found = list(check(self.context(**more)))
        for finding in found:
            assert (finding.status is OK) == (not finding.next_step), finding
            assert "mistake of doctor's" not in finding.next_step, finding
            assert "@" not in f"{finding.about} {finding.seen}", finding
        return found

    def seen(self, check: Check, **more: Any) -> dict[str, str]:
        """The words of what is as it should be, by check."""
        return {finding.check: finding.seen for finding in self.look(check, **more) if finding.status is OK}

    def told(self, check: Check, **more: Any) -> dict[str, tuple[Status, str]]:
        """Status and words of what is not as it should be, by check."""
        return {
            finding.check: (finding.status, f"{finding.seen} → {finding.next_step}")
            for finding in self.look(check, **more)
            if finding.status is not OK
        }


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def metrics(**values: float) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """GetMetricData with these values, by metric; of the others there are none."""

    def answer(given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "MetricDataResults": [
                {
                    "Id": query["Id"],
                    "Values": [values[name]] if name in values else [],
                }
                for query in given["MetricDataQueries"]
                for name in [query["MetricStat"]["Metric"]["MetricName"]]
            ]
        }

    return answer


def policy(*statements: Mapping[str, Any]) -> Mapping[str, Any]:
    """GetPolicy's answer."""
    return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": list(statements)})}


def allow(principal: str, source: str = "", **more: Any) -> dict[str, Any]:
    """A statement that lets a service invoke."""
    condition = {"ArnLike": {"AWS:SourceArn": source}} if source else {}
    return {
        "Effect": "Allow",
        "Principal": {"Service": principal},
        "Action": "lambda:InvokeFunction",
        "Resource": "*",
        **({"Condition": condition} if condition else {}),
        **more,
    }
