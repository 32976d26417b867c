"""A lane: the deployed system once more in the same emulator, with the fault point before AWS.

Its functions have the code, settings and roles of the deployed ones, and tables, queues and a pool of their
own, so that cases run side by side and none hears of another. What the roles may do with the deployed
resources they may do with the lane's, and no more. Topic, key and platform application are shared: what goes
through them is addressed to one person.

What AWS does by itself is done here by hand, so that a case can say when: the stream, the queue, the
schedule. Cognito calls the lane's trigger itself.
"""

import json
import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from botocore.config import Config

from notifications.rows import marshal
from scripts import package
from scripts.person import Application
from tests.deployment import Deployment, Row
from tests.faults.fault_point import FaultPoint
from tests.faults.mailbox import SharedMailbox

TABLES = ("user_table_name", "notification_table_name", "channel_rate_table_name")
QUEUES = ("notification_queue_url", "refused_queue_url")
# the emulator can be slow when much runs side by side
SHARED = Config(max_pool_connections=64)
# for a function that is given all its time, and then is ended
PATIENCE = SHARED.merge(Config(read_timeout=240, retries={"total_max_attempts": 1}))
_MAKING = threading.Lock()
_CLIENTS: dict[tuple[str | None, str], Any] = {}
_MAILBOXES: dict[str, SharedMailbox] = {}


@dataclass(frozen=True, kw_only=True)
class Lane(Deployment):
    """One lane. What tests do with the deployed system they do with a lane in the same way.

    base: the deployed system. name: what the names of the lane's resources end with.
    """

    base: Deployment
    point: FaultPoint
    name: str

    @classmethod
    def of(cls, base: Deployment, point: FaultPoint) -> "Lane":
        """Makes a lane. Its functions are made when they are first called."""
        lane = cls(
            base.stack,
            dict(base.outputs),
            base.ours,
            base.lacks,
            base=base,
            point=point,
            name=f"-lane{secrets.token_hex(3)}",
        )
        lane._make()
        return lane

    def client(self, service: str, **options: Any) -> Any:
        """The one client of a service that all lanes share: to make one takes longer than most calls."""
        if options:
            return self.base.client(service, **options)
        with _MAKING:
            key = self.base.environment.endpoint_url, service
            if key not in _CLIENTS:
                _CLIENTS[key] = self.base.client(service, config=PATIENCE if service == "lambda" else SHARED)
            return _CLIENTS[key]

    @cached_property
    def _making(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _made(self) -> dict[str, str]:
        """The names of the functions that there are, by handler."""
        return {}

    def _make(self) -> None:
        outputs = self.outputs
        outputs["function_alias"] = "$LATEST"
        for output in TABLES:
            self._copy_table(self.base.outputs[output], self.base.outputs[output] + self.name)
            outputs[output] += self.name
        sqs = self.client("sqs")
        for output in QUEUES:
            name = self.base.outputs[output].rpartition("/")[2] + self.name
            outputs[output] = sqs.create_queue(QueueName=name)["QueueUrl"]
        trigger = self._function("post_confirmation")
        pool = self._copy_pool(trigger)
        outputs["user_pool_id"] = pool

    def _copy_table(self, name: str, copy: str) -> None:
        table = self.dynamodb.describe_table(TableName=name)["Table"]
        indexes = [
            {key: index[key] for key in ("IndexName", "KeySchema", "Projection")}
            for index in table.get("GlobalSecondaryIndexes", [])
        ]
        self.dynamodb.create_table(
            TableName=copy,
            KeySchema=table["KeySchema"],
            AttributeDefinitions=table["AttributeDefinitions"],
            BillingMode="PAY_PER_REQUEST",
            **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
        )

    def _copy_pool(self, trigger: str) -> str:
        """A pool as the deployed one, whose trigger is the lane's function."""
        cognito = self.client("cognito-idp")
        pool = cognito.describe_user_pool(UserPoolId=self.base.pool)["UserPool"]
        arn = self.functions.get_function_configuration(FunctionName=trigger)["FunctionArn"]
        made = cognito.create_user_pool(
            PoolName=pool["Name"] + self.name,
            Policies=pool["Policies"],
            AutoVerifiedAttributes=pool["AutoVerifiedAttributes"],
            LambdaConfig={"PostConfirmation": arn},
        )["UserPool"]
        self.functions.add_permission(
            FunctionName=trigger,
            StatementId="pool",
            Action="lambda:InvokeFunction",
            Principal="cognito-idp.amazonaws.com",
            SourceArn=made["Arn"],
        )
        client = cognito.create_user_pool_client(
            UserPoolId=made["Id"],
            ClientName="app",
            ExplicitAuthFlows=["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
        )["UserPoolClient"]
        self.outputs["user_pool_client_id"] = client["ClientId"]
        return str(made["Id"])

    def _in_lane(self, text: str) -> str:
        """A text in which the deployed resources stand, with the lane's instead of them."""
        for output in TABLES:
            text = text.replace(self.base.outputs[output], self.base.outputs[output] + self.name)
        for output in QUEUES:
            queue = self.base.outputs[output].rpartition("/")[2]
            text = text.replace(queue, queue + self.name)
        return text.replace(self.base.pool, self.pool)

    def _function(self, handler: str) -> str:
        """The lane's function, made when it is first asked for."""
        with self._making:
            if handler in self._made:
                return self._made[handler]
            deployed = self.base.configuration(handler)
            name = f"{deployed['FunctionName']}{self.name}"
            role = deployed["Role"].rpartition("/")[2]
            iam = self.client("iam")
            may = iam.get_role_policy(RoleName=role, PolicyName="permissions")["PolicyDocument"]
            iam.put_role_policy(
                RoleName=role,
                PolicyName=f"permissions{self.name}",
                PolicyDocument=self._in_lane(json.dumps(may)),
            )
            variables = json.loads(self._in_lane(json.dumps(deployed["Environment"]["Variables"])))
            if handler == "reconcile":
                # nobody is left alone for a minute since Cognito may be at them
                variables["SETTLED_SECONDS"] = "0"
            self.functions.create_function(
                FunctionName=name,
                Runtime=deployed["Runtime"],
                Handler=deployed["Handler"],
                Role=deployed["Role"],
                Timeout=deployed["Timeout"],
                MemorySize=deployed["MemorySize"],
                Environment={
                    "Variables": {**variables, "AWS_ENDPOINT_URL": self.point.listen(handler, self.name)}
                },
                Code={"ZipFile": package.TARGET.read_bytes()},
            )
            self.functions.get_waiter("function_active_v2").wait(FunctionName=name)
            self._made[handler] = name
            return name

    def live(self, handler: str) -> dict[str, str]:
        return {"FunctionName": self._function(handler)}

    def configuration(self, handler: str) -> Row:
        return (
            self.base.configuration(handler) if handler not in self._made else super().configuration(handler)
        )

    @cached_property
    def application(self) -> Application:
        with _MAKING:
            url = str(self.base.environment.endpoint_url)
            mailbox = _MAILBOXES.setdefault(url, SharedMailbox(url))
            usual = self.base.application
        return replace(usual, client_id=self.outputs["user_pool_client_id"], mailbox=mailbox)

    # ------------------------------------------------------- what AWS does by itself

    def stream(self, *ids: str) -> set[str]:
        """Calls `deliver` with the rows that were just written, as the table's stream does.

        Returns:
            Those that the stream would hand over again: of a batch that crashed all, else from the first that
            `deliver` names.
        """
        rows = dict(enumerate(ids, 1))
        records = [
            {
                "eventID": str(number),
                "eventName": "INSERT",
                "eventSource": "aws:dynamodb",
                "dynamodb": {
                    "Keys": {"NotificationID": {"S": notification_id}},
                    "NewImage": marshal(self.notification(notification_id) or {}),
                    "SequenceNumber": str(number),
                    "StreamViewType": "NEW_IMAGE",
                },
            }
            for number, notification_id in rows.items()
        ]
        answer, error = self.invoke("deliver", {"Records": records})
        if error:
            return set(ids)
        failed = [int(each["itemIdentifier"]) for each in answer["batchItemFailures"]]
        return {row for number, row in rows.items() if failed and number >= min(failed)}

    def queue(self) -> list[Row]:
        """Calls `enqueue` with what waits in the queue, as Lambda does; what it took is deleted.

        What it did not take, or all when it crashed, is in the queue again at once, not after the time for
        which it is hidden. Returns the messages that were handed over.
        """
        sqs, url = self.client("sqs"), self.outputs["notification_queue_url"]
        messages: list[Row] = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=360, AttributeNames=["All"]
        ).get("Messages", [])
        if not messages:
            return []
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        records = [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": self.outputs["aws_region"],
            }
            for message in messages
        ]
        answer, error = self.invoke("enqueue", {"Records": records})
        again = {message["MessageId"] for message in messages}
        if not error:
            again = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
        for message in messages:
            handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            if message["MessageId"] in again:
                sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                sqs.delete_message(**handle)
        return messages

    def make_due(self, notification_id: str) -> None:
        """What time does: whatever holds the row, a pause or a lease of a worker that is gone, is over."""
        with suppress(self.dynamodb.exceptions.ConditionalCheckFailedException):
            self.dynamodb.update_item(
                TableName=self.outputs["notification_table_name"],
                Key={"NotificationID": {"S": notification_id}},
                UpdateExpression="SET DueAt = :now",
                ConditionExpression="attribute_exists(DueAt)",
                ExpressionAttributeValues={":now": {"N": "1"}},
            )

    def show_hidden(self, output: str) -> None:
        """What time does: messages of a queue that a function has read and left there show again."""
        sqs, url = self.client("sqs"), self.outputs[output]
        for handle in self.point.handed_out(url):
            with suppress(sqs.exceptions.ClientError):
                # it may be gone
                sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=handle, VisibilityTimeout=0)

    # ------------------------------------------------------- what a case leaves

    def rows(self, output: str = "notification_table_name") -> list[Row]:
        """All rows of one of the lane's tables, as DynamoDB gives them."""
        pages = self.dynamodb.get_paginator("scan").paginate(
            TableName=self.outputs[output], ConsistentRead=True
        )
        items: list[Row] = [item for page in pages for item in page["Items"]]
        return items

    def clean(self) -> None:
        """Empties the lane: rows, users, requests."""
        for output, key in zip(TABLES, ("UserID", "NotificationID", "Channel"), strict=True):
            for item in self.rows(output):
                self.dynamodb.delete_item(TableName=self.outputs[output], Key={key: item[key]})
        cognito = self.client("cognito-idp")
        for user in cognito.list_users(UserPoolId=self.pool)["Users"]:
            cognito.admin_delete_user(UserPoolId=self.pool, Username=user["Username"])
        for output in QUEUES:
            self.client("sqs").purge_queue(QueueUrl=self.outputs[output])

    def unmake(self) -> None:
        """Removes what the lane has made."""
        iam = self.client("iam")
        for handler, name in self._made.items():
            role = self.base.configuration(handler)["Role"].rpartition("/")[2]
            iam.delete_role_policy(RoleName=role, PolicyName=f"permissions{self.name}")
            self.functions.delete_function(FunctionName=name)
            logs = self.client("logs")
            with suppress(logs.exceptions.ResourceNotFoundException):
                logs.delete_log_group(logGroupName=f"/aws/lambda/{name}")
        for output in TABLES:
            self.dynamodb.delete_table(TableName=self.outputs[output])
        for output in QUEUES:
            self.client("sqs").delete_queue(QueueUrl=self.outputs[output])
        self.client("cognito-idp").delete_user_pool(UserPoolId=self.pool)
