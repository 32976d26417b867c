"""AWS Lambda in memory, as far as versions and aliases go, and the applies that fill it."""

import itertools
from base64 import b64encode
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from botocore.exceptions import ClientError

Json = dict[str, Any]
ALIAS = "live"


class PreconditionFailed(ClientError):  # noqa: N818 - as boto3 has it
    """An alias that was changed since it was read."""

    def __init__(self) -> None:
        super().__init__(
            {"Error": {"Code": "PreconditionFailedException", "Message": "stale"}}, "UpdateAlias"
        )


class Exceptions:
    PreconditionFailedException = PreconditionFailed


def digest(code: bytes) -> str:
    """The name of a package, as `make package` says it."""
    return sha256(code).hexdigest()


@dataclass
class Lambda:
    """The service.

    updating: the functions whose last change is not in force yet; they take no other one.
    before, after: what happens at each UpdateAlias, before it takes effect and after.
    """

    functions: dict[str, list[Json]] = field(default_factory=dict)
    aliases: dict[str, Json] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    updating: set[str] = field(default_factory=set)
    before: Callable[[str], None] = lambda _name: None
    after: Callable[[str], None] = lambda _name: None
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    _revisions: Iterator[int] = field(default_factory=itertools.count)

    exceptions = Exceptions
    PAGE = 2

    # ------------------------------------------------------------ what an apply does

    def put(self, name: str, code: bytes, **settings: Any) -> None:
        """Gives $LATEST code and settings, as both update calls do."""
        assert name not in self.updating, "ResourceConflictException"
        self.updating.add(name)
        self.now += timedelta(minutes=1)
        versions = self.functions.setdefault(name, [{}])
        versions[0] = {
            **versions[0],
            "Version": "$LATEST",
            "CodeSha256": b64encode(sha256(code).digest()).decode(),
            "LastModified": self.now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
            **settings,
        }

    def release(self, name: str, code: bytes, **settings: Any) -> None:
        """All that an apply does to a function."""
        self.put(name, code, **settings)
        self.wait(name)
        self.point(name, self.publish_version(name)["Version"])

    def point(self, name: str, version: str, **more: Any) -> None:
        alias = self.aliases.setdefault(name, {"Name": ALIAS, "Description": ""})
        alias |= {"FunctionVersion": version, "RevisionId": str(next(self._revisions)), **more}

    def forward(self) -> None:
        """What an apply does when nothing but the aliases has changed."""
        for name, versions in self.functions.items():
            if self.aliases[name]["FunctionVersion"] != versions[-1]["Version"]:
                self.point(name, versions[-1]["Version"])

    def live(self) -> dict[str, str]:
        """The version that each function calls."""
        return {name: alias["FunctionVersion"] for name, alias in self.aliases.items()}

    def called(self, name: str) -> Json:
        """The version that a function calls."""
        return self._version(name, self.aliases[name]["FunctionVersion"])

    def copy(self) -> "Lambda":
        return Lambda(deepcopy(self.functions), deepcopy(self.aliases), now=self.now)

    # ------------------------------------------------------------ the client

    def get_paginator(self, operation: str) -> "Lambda":
        assert operation == "list_versions_by_function"
        return self

    def paginate(self, FunctionName: str) -> Iterator[Json]:
        versions = self.functions[FunctionName]
        for start in range(0, len(versions), self.PAGE):
            yield {"Versions": deepcopy(versions[start : start + self.PAGE])}

    def get_alias(self, FunctionName: str, Name: str) -> Json:
        assert Name == ALIAS
        return deepcopy(self.aliases[FunctionName])

    def update_alias(self, FunctionName: str, Name: str, **given: Any) -> None:
        assert Name == ALIAS
        assert len(given.get("Description", "")) <= 256
        self.before(FunctionName)
        alias = self.aliases[FunctionName]
        if given.pop("RevisionId", alias["RevisionId"]) != alias["RevisionId"]:
            raise PreconditionFailed
        self._version(FunctionName, given["FunctionVersion"])
        self.calls.append(FunctionName)
        self.point(FunctionName, given.pop("FunctionVersion"), **given)
        self.after(FunctionName)

    def get_function_configuration(self, FunctionName: str, Qualifier: str = "$LATEST") -> Json:
        number = self.aliases[FunctionName]["FunctionVersion"] if Qualifier == ALIAS else Qualifier
        return deepcopy(self._version(FunctionName, number))

    def update_function_code(self, FunctionName: str, ZipFile: bytes) -> None:
        self.calls.append(f"code of {FunctionName}")
        self.put(FunctionName, ZipFile)

    def publish_version(self, FunctionName: str) -> Json:
        """Nothing is published that has not changed."""
        assert FunctionName not in self.updating, "ResourceConflictException"
        latest, *versions = self.functions[FunctionName]
        if not versions or {**versions[-1], "Version": "$LATEST"} != latest:
            published = {**latest, "Version": str(len(versions) + 1)}
            self.functions[FunctionName].append(published)
        return deepcopy(self.functions[FunctionName][-1])

    def get_waiter(self, _name: str) -> "Lambda":
        return self

    def wait(self, FunctionName: str) -> None:
        self.updating.discard(FunctionName)

    def _version(self, name: str, number: str) -> Json:
        return next(version for version in self.functions[name] if version["Version"] == number)
