"""Rows of DynamoDB as plain values, and back."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

# of a table's partition key ("Quotas in Amazon DynamoDB")
KEY_BYTES = 2048


def marshal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as DynamoDB's client takes them."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in values.items()}


def unmarshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """What DynamoDB's client gives, as plain values; numbers are Decimal."""
    deserialize = TypeDeserializer().deserialize
    return {name: deserialize(value) for name, value in item.items()}
