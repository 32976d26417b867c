"""Calls that were recorded, and what DynamoDB counts for them.

Rules: "DynamoDB read and write operations", "DynamoDB Item sizes and formats" and "Using Global Secondary
Indexes in DynamoDB" (Amazon DynamoDB Developer Guide). What a write consumes the emulator says by the same
rules, which tests/local_aws holds it to; of reads it says the least that one can be, so these are computed.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

READ_UNIT = 4096


@dataclass(frozen=True)
class Call:
    """A call to AWS. function: that made it; empty where it was no function. at: seconds since 1970."""

    function: str
    service: str
    operation: str
    request: Mapping[str, Any]
    at: float = 0.0
    seconds: float = 0.0
    answer: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""

    @classmethod
    def from_line(cls, line: str) -> Self:
        return cls(**json.loads(line))

    @property
    def name(self) -> str:
        return f"{self.service} {self.operation}"


@dataclass(frozen=True)
class Units:
    """Request units of DynamoDB. indexes: what is written to indexes, beside the tables."""

    reads: float = 0.0
    writes: float = 0.0
    indexes: float = 0.0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.reads + other.reads, self.writes + other.writes, self.indexes + other.indexes)


def recorded(path: Path) -> list[Call]:
    """The calls of one process, as `recording` wrote them down. The last line may be half written."""
    return [
        Call.from_line(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")
    ]


def count(calls: Iterable[Call]) -> Counter[str]:
    """How often each call was made."""
    return Counter(call.name for call in calls)


def units(calls: Iterable[Call]) -> Units:
    """What DynamoDB charges for calls."""
    return sum((units_of(call) for call in calls if call.service == "dynamodb"), Units())


def units_of(call: Call) -> Units:
    """What DynamoDB charges for one of its calls.

    Raises:
        ValueError: the call is none that is known here.
    """
    if call.operation in ("GetItem", "Query", "Scan"):
        # what a filter drops was read all the same; none of our queries has one
        items = call.answer.get("Items", [call.answer["Item"]] if "Item" in call.answer else [])
        consistent = call.request.get("ConsistentRead", False)
        return Units(reads=read_units(sum(map(item_size, items)), consistent=consistent))
    if call.error:
        # a condition that does not hold is paid for like the write; a row of ours is one unit
        written = 2 * len(call.request["TransactItems"]) if "TransactItems" in call.request else 1
        return Units(writes=written)
    if call.operation not in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"):
        raise ValueError(f"what {call.operation} consumes is not known")
    consumed = call.answer["ConsumedCapacity"]
    tables: Sequence[Mapping[str, Any]] = [consumed] if isinstance(consumed, dict) else consumed
    total = sum(table["CapacityUnits"] for table in tables)
    indexes = sum(
        index["CapacityUnits"]
        for table in tables
        for index in table.get("GlobalSecondaryIndexes", {}).values()
    )
    return Units(writes=total - indexes, indexes=indexes)


def read_units(size: int, *, consistent: bool) -> float:
    """Units of one read of so many bytes in all: one for each 4 KB begun, half of it if it may be late."""
    begun = max(1, math.ceil(size / READ_UNIT))
    return begun if consistent else begun / 2


def item_size(item: Mapping[str, Any]) -> int:
    """The bytes of an item in DynamoDB's own form: of its attributes' names and values."""
    return sum(len(name.encode()) + _size(value) for name, value in item.items())


def _size(typed: Mapping[str, Any]) -> int:
    ((kind, value),) = typed.items()
    match kind:
        case "S":
            return len(value.encode())
        case "N":
            # a byte for two digits, zeros at the ends left out, and one more
            digits = str(value).lstrip("-").replace(".", "").strip("0")
            return math.ceil(len(digits) / 2) + 1 + str(value).startswith("-")
        case "BOOL" | "NULL":
            return 1
        case "M":
            return 3 + sum(len(name.encode()) + _size(inner) + 1 for name, inner in value.items())
        case "L":
            return 3 + sum(_size(inner) + 1 for inner in value)
    raise ValueError(f"the size of {kind} is not known")
