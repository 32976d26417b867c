"""CloudWatch's metrics, many in one call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from scripts.doctor.context import Context

# "GetMetricData" (Amazon CloudWatch API Reference): so many queries in a call
MOST = 500
MINUTE = 60


@dataclass(frozen=True)
class Metric:
    """One metric and how its values of the time are made one: Sum or Maximum."""

    namespace: str
    name: str
    dimensions: Mapping[str, str] = field(default_factory=dict)
    statistic: str = "Sum"

    def __hash__(self) -> int:
        return hash((self.namespace, self.name, tuple(sorted(self.dimensions.items())), self.statistic))


def read(context: Context, metrics: Iterable[Metric]) -> dict[Metric, float]:
    """Each metric's value over the context's time; 0 where there is none.

    Raises:
        botocore.exceptions.ClientError: the caller may not see metrics.
    """
    wanted = list(metrics)
    client = context.client("cloudwatch")
    values: dict[Metric, list[float]] = {metric: [] for metric in wanted}
    for start in range(0, len(wanted), MOST):
        some = wanted[start : start + MOST]
        pages = client.get_paginator("get_metric_data").paginate(
            StartTime=context.now - context.since,
            EndTime=context.now,
            MetricDataQueries=[_query(number, metric) for number, metric in enumerate(some)],
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                values[some[int(result["Id"].removeprefix("m"))]] += result["Values"]
    return {
        metric: (max if metric.statistic == "Maximum" else sum)(found) if found else 0.0
        for metric, found in values.items()
    }


def _query(number: int, metric: Metric) -> dict[str, object]:
    return {
        "Id": f"m{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
            },
            # five minutes, so that a day is fewer values than a page holds
            "Period": 5 * MINUTE,
            "Stat": metric.statistic,
        },
    }
