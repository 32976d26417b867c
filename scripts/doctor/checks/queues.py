"""The queues: what waits for an operator, and whether requests are taken."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta

from botocore.exceptions import ClientError

from scripts.doctor.context import Context, code_of
from scripts.doctor.findings import Finding, broken, counted, ok, warning
from scripts.doctor.metrics import Metric, read

# a request that waits for longer is not being taken
LATE = timedelta(minutes=5)
# how old the oldest is by now: a queue that was idle has metrics again after so long at most ("Available
# CloudWatch metrics for Amazon SQS")
LATELY = timedelta(minutes=15)
_GONE = {"AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"}


def queues(context: Context) -> Iterable[Finding]:
    urls = {
        url.rsplit("/", 1)[1]: (output, url)
        for output in ("delivery_failure_queue_url", "notification_queue_url", "refused_queue_url")
        for url in [context.output(output)]
    }
    yield from context.each("queues.there", urls, lambda each: _queue(context, *each))


def _queue(context: Context, output: str, url: str) -> Iterable[Finding]:
    name = url.rsplit("/", 1)[1]
    try:
        attributes = context.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])[
            "Attributes"
        ]
    except ClientError as error:
        if code_of(error) not in _GONE:
            raise
        yield broken("queues.there", name, "there is no such queue", f"{context.make('deploy')}.")
        return
    depth = int(attributes["ApproximateNumberOfMessages"])
    in_hand = int(attributes["ApproximateNumberOfMessagesNotVisible"])
    if output == "notification_queue_url":
        yield from _requests(context, name, attributes, depth)
    elif depth + in_hand == 0:
        yield ok("queues.letters", name, "empty")
    elif output == "refused_queue_url":
        yield warning(
            "queues.letters",
            name,
            f"{counted(depth + in_hand, 'letter')}: requests that were refused, or what SES told in vain",
            f"Each says why: aws sqs receive-message --queue-url {url} . Kept for 14 days.",
        )
    else:
        yield warning(
            "queues.letters",
            name,
            f"{counted(depth + in_hand, 'batch', 'batches')} of the stream crashed deliver again and again",
            "Its log has the reason. The rows are not lost: sweep takes them. Then purge the queue.",
        )


def _requests(context: Context, name: str, attributes: Mapping[str, str], depth: int) -> Iterable[Finding]:
    target = json.loads(attributes.get("RedrivePolicy") or "{}").get("deadLetterTargetArn", "")
    refused = context.output("refused_queue_url").rsplit("/", 1)[1]
    if target.split(":")[-1] != refused:
        yield broken(
            "queues.redrive",
            name,
            "what cannot be taken is not put aside: it comes again and again, and is lost after four days",
            f"{context.make('deploy')}.",
        )
    metric = Metric("AWS/SQS", "ApproximateAgeOfOldestMessage", {"QueueName": name}, "Maximum")
    age = timedelta(seconds=read(replace(context, since=LATELY), [metric])[metric])
    if depth and age >= LATE:
        yield broken(
            "queues.requests",
            name,
            f"{counted(depth, 'request')}, the first for {age.total_seconds() / 60:.0f} min",
            "enqueue does not take them: see its mapping and its errors.",
        )
    else:
        yield ok(
            "queues.requests", name, f"{counted(depth, 'request')} waiting" if depth else "nothing waits"
        )
