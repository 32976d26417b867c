"""What AWS asks for and the local AWS does not: with the page of AWS that says so, since no run here can."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Demanded:
    """Statements that AWS demands. page: of AWS's documentation. why: what it says."""

    statement: str
    page: str
    why: str


ROLES = {
    each.statement: each
    for each in (
        Demanded(
            "WriteOwnLogs",
            "Sending Lambda function logs to CloudWatch Logs (AWS Lambda Developer Guide)",
            "Lambda writes the function's log as the function.",
        ),
        Demanded(
            "ReadStream",
            "Process DynamoDB records with Lambda (AWS Lambda Developer Guide)",
            "Lambda reads the stream as the function.",
        ),
        Demanded(
            "ListStreams",
            "Process DynamoDB records with Lambda (AWS Lambda Developer Guide)",
            "Lambda looks for the table's streams as the function.",
        ),
        Demanded(
            "SendFailedBatches",
            "Retaining discarded batches for a DynamoDB event source in Lambda (AWS Lambda Developer Guide)",
            "Lambda puts a batch aside as the function.",
        ),
        Demanded(
            "SendFailedCalls",
            "Capturing records of Lambda asynchronous invocations (AWS Lambda Developer Guide)",
            "Lambda puts a call aside as the function.",
        ),
    )
}
# SNS's page names no resource for the calls on a device's endpoint. Its denials name the application, and so
# does the local AWS; where the endpoint itself is named, the function must still be able to end it.
ENDPOINTS = Demanded(
    "KeepDevices, DeleteDevices",
    "Actions, resources, and condition keys for Amazon SNS (Service Authorization Reference)",
    "It does not say whether SNS checks these calls on the endpoint or on its application.",
)
# With a customer's key alone, which no run here has: the local AWS encrypts nothing.
WITH_A_KEY = (
    Demanded(
        "UseKeyForTables",
        "DynamoDB encryption usage notes (Amazon DynamoDB Developer Guide)",
        "DynamoDB uses the key of a table in the name of who reads or writes it.",
    ),
    Demanded(
        "UseKeyForTopic",
        "Managing Amazon SNS encryption keys and costs (Amazon SNS Developer Guide)",
        "Who publishes to an encrypted topic needs kms:GenerateDataKey and kms:Decrypt.",
    ),
    Demanded(
        "UseKeyForQueues",
        "Amazon SQS Key management (Amazon SQS Developer Guide)",
        "Who sends needs kms:GenerateDataKey and kms:Decrypt, who receives kms:Decrypt.",
    ),
    Demanded(
        "UseKeyForTriggers",
        "Permissions for the execution role, in the pages of each event source (AWS Lambda Developer Guide)",
        "Lambda reads an encrypted source, and puts aside what failed, as the function.",
    ),
)
