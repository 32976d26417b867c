"""What Terraform reads back must be what it wrote."""

from __future__ import annotations

from datetime import datetime

from tests.local_aws.conftest import Aws, refused, unique


def test_an_alarm_is_described_with_all_its_settings(aws: Aws) -> None:
    name = unique("alarm <&>")
    settings = {
        "AlarmName": name,
        "AlarmDescription": "Somebody & somebody else <wait>",
        "MetricName": "Errors",
        "Namespace": "AWS/Lambda",
        "Statistic": "Sum",
        "Period": 300,
        "EvaluationPeriods": 2,
        "DatapointsToAlarm": 1,
        "Threshold": 0.5,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "Unit": "Count",
        "ActionsEnabled": False,
        "Dimensions": [{"Name": "FunctionName", "Value": "a"}, {"Name": "Resource", "Value": "b"}],
        "AlarmActions": ["arn:aws:sns:us-east-1:000000000000:alarms"],
        "OKActions": ["arn:aws:sns:us-east-1:000000000000:fine"],
        "InsufficientDataActions": ["arn:aws:sns:us-east-1:000000000000:unknown"],
    }
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(**settings)
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert {key: found[key] for key in settings} == settings
    assert isinstance(found["AlarmConfigurationUpdatedTimestamp"], datetime)
    assert "ExtendedStatistic" not in found
    assert cloudwatch.describe_alarms(AlarmNamePrefix=name[:-1])["MetricAlarms"] == [found]


def test_alarms_are_listed_in_pages(aws: Aws) -> None:
    cloudwatch, prefix = aws.client("cloudwatch"), unique("page")
    for number in range(3):
        cloudwatch.put_metric_alarm(
            AlarmName=f"{prefix}{number}",
            MetricName="Errors",
            Namespace="AWS/Lambda",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, PaginationConfig={"PageSize": 2}
    )
    assert [len(page["MetricAlarms"]) for page in pages] == [2, 1]
    with refused("ValidationError"):
        cloudwatch.describe_alarms(MaxRecords=101)
