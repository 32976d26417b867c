"""What Terraform reads back must be what it wrote. Its provider speaks the Query protocol, unlike boto3."""

from __future__ import annotations

import urllib.request
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from tests.local_aws.conftest import REGION, Aws, HttpError, Json, get, unique


def query(aws: Aws, operation: str, **arguments: Any) -> Json:
    """A CloudWatch call in the Query protocol."""
    model = aws.client("cloudwatch").meta.service_model.operation_model(operation)
    body = urlencode(create_serializer("query").serialize_to_request(arguments, model)["body"])
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    url = f"{aws.url}/"
    request = AWSRequest("POST", url, headers, body)
    SigV4Auth(Credentials(aws.key, aws.secret), "monitoring", REGION).add_auth(request)
    sent = urllib.request.Request(url, body.encode(), dict(request.headers), method="POST")  # noqa: S310  the server of the tests
    content = {"body": get(sent), "headers": {}, "status_code": 200}
    parsed: Json = create_parser("query").parse(content, model.output_shape)
    return parsed


ALARM: Json = {
    "MetricName": "Errors",
    "Namespace": "AWS/Lambda",
    "Statistic": "Sum",
    "Period": 300,
    "EvaluationPeriods": 2,
    "Threshold": 0.5,
    "ComparisonOperator": "GreaterThanThreshold",
}


def test_an_alarm_is_described_with_all_its_settings(aws: Aws) -> None:
    name = unique("alarm <&>")
    settings = ALARM | {
        "AlarmName": name,
        "AlarmDescription": "Somebody & somebody else <wait>",
        "DatapointsToAlarm": 1,
        "TreatMissingData": "notBreaching",
        "Unit": "Count",
        "ActionsEnabled": False,
        "Dimensions": [{"Name": "FunctionName", "Value": "a"}, {"Name": "Resource", "Value": "b"}],
        "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:alarms"],
        "OKActions": ["arn:aws:sns:us-east-1:000000000000:fine"],
        "InsufficientDataActions": ["arn:aws:sns:us-east-1:000000000000:unknown"],
    }
    query(aws, "PutMetricAlarm", **settings)
    (found,) = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert {key: found[key] for key in settings} == settings
    assert isinstance(found["AlarmConfigurationUpdatedTimestamp"], datetime)
    assert "ExtendedStatistic" not in found
    assert query(aws, "DescribeAlarms", AlarmNamePrefix=name[:-1])["MetricAlarms"] == [found]
    assert query(aws, "DescribeAlarms", AlarmNames=["another"])["MetricAlarms"] == []


def test_an_alarm_on_a_percentile_has_no_other_statistic(aws: Aws) -> None:
    name = unique("alarm")
    settings = {key: value for key, value in ALARM.items() if key != "Statistic"}
    query(aws, "PutMetricAlarm", AlarmName=name, ExtendedStatistic="p99", **settings)
    (found,) = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert found["ExtendedStatistic"] == "p99"
    assert "Statistic" not in found


def test_an_alarm_on_metric_math_has_no_metric_of_its_own(aws: Aws) -> None:
    name = unique("alarm")
    query(
        aws,
        "PutMetricAlarm",
        AlarmName=name,
        EvaluationPeriods=1,
        Threshold=1.0,
        ComparisonOperator="GreaterThanThreshold",
        Metrics=[{"Id": "a", "Expression": "1 + 1", "Period": 60}],
    )
    (found,) = query(aws, "DescribeAlarms", AlarmNames=[name])["MetricAlarms"]
    assert not {"MetricName", "Namespace", "Statistic", "Period"} & found.keys()


def test_alarms_are_listed_in_pages(aws: Aws) -> None:
    prefix = unique("page")
    for number in range(3):
        query(aws, "PutMetricAlarm", AlarmName=f"{prefix}{number}", **ALARM)
    first = query(aws, "DescribeAlarms", AlarmNamePrefix=prefix, MaxRecords=2)
    second = query(aws, "DescribeAlarms", AlarmNamePrefix=prefix, NextToken=first["NextToken"])
    assert [len(page["MetricAlarms"]) for page in (first, second)] == [2, 1]
    assert "NextToken" not in second


def test_a_jwt_authorizer_has_no_settings_of_a_lambda_authorizer(aws: Aws) -> None:
    gateway = aws.client("apigatewayv2")
    api = gateway.create_api(Name=unique("api"), ProtocolType="HTTP")["ApiId"]
    settings: Json = {
        "AuthorizerType": "JWT",
        "IdentitySource": ["$request.header.Authorization"],
        "JwtConfiguration": {"Audience": ["a"], "Issuer": "https://example.com"},
        "Name": "jwt",
    }
    made = gateway.create_authorizer(ApiId=api, **settings)
    found = gateway.get_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    for answer in (made, found):
        assert answer.pop("ResponseMetadata")
        assert answer == settings | {"AuthorizerId": made["AuthorizerId"]}


def test_an_identity_keeps_its_configuration_set(aws: Aws) -> None:
    name, ses = f"{unique('domain')}.example.com", aws.client("sesv2")
    ses.create_configuration_set(ConfigurationSetName=name.replace(".", "-"))
    ses.create_email_identity(EmailIdentity=name, ConfigurationSetName=name.replace(".", "-"))
    found = ses.get_email_identity(EmailIdentity=name)
    assert found["ConfigurationSetName"] == name.replace(".", "-")


def test_a_refused_describe_stays_an_error(aws: Aws) -> None:
    with pytest.raises(HttpError, match="<Code>ValidationError</Code>") as caught:
        query(aws, "DescribeAlarms", MaxRecords=101)
    assert caught.value.status == 400
