"""The functions of a deployed stack: their versions, and the one that is called.

A version is published when an apply has changed the code or the configuration of a function, and keeps
both. What calls a function calls its alias, which points to one of them. All functions share one package,
and a version is told to have it by its CodeSha256.
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import click

LATEST = "$LATEST"
# what modules/lambda sets, and a version keeps
CONFIGURATION = (
    *("Architectures", "Description", "Environment", "Handler", "LoggingConfig"),
    *("MemorySize", "Role", "Runtime", "Timeout"),
)


@dataclass(frozen=True)
class Version:
    """A version of a function. package: the SHA-256 of its code in hexadecimal, as `make package` says it.

    changed: when the function was given its code and configuration, just before it was published.
    """

    number: str
    package: str
    changed: datetime


@dataclass(frozen=True)
class Function:
    """A function, its published versions, oldest first, and the one that its alias points to.

    weighted: some of the calls go to another version.
    note: the alias' description.
    revision: the alias', which is another one after each change of it.
    """

    handler: str
    name: str
    alias: str
    versions: tuple[Version, ...]
    live: Version
    weighted: bool
    note: str
    revision: str

    def newest(self, package: str) -> Version | None:
        """The newest version that has a package."""
        return next((version for version in reversed(self.versions) if version.package == package), None)


@dataclass(frozen=True)
class Functions:
    """The functions of a stack, by handler, and the name of their alias."""

    client: Any
    names: Mapping[str, str]
    alias: str

    @classmethod
    def of(cls, client: Any, outputs: Mapping[str, Any]) -> "Functions":
        """Those of a stack with these outputs.

        Raises:
            click.ClickException: it was deployed before its functions had versions.
        """
        if not outputs.get("function_alias"):
            raise click.ClickException(
                "The functions that are deployed have no versions yet; make deploy gives them theirs."
            )
        return cls(client, outputs["function_names"], outputs["function_alias"])

    def read(self) -> list[Function]:
        """What there is now, by handler."""
        return [self._read(handler) for handler in sorted(self.names)]

    def _read(self, handler: str) -> Function:
        name = self.names[handler]
        pages = self.client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        found = [_version(version) for page in pages for version in page["Versions"]]
        alias = self.client.get_alias(FunctionName=name, Name=self.alias)
        return Function(
            handler,
            name,
            self.alias,
            tuple(sorted((v for v in found if v.number != LATEST), key=lambda v: int(v.number))),
            next(version for version in found if version.number == alias["FunctionVersion"]),
            bool(alias.get("RoutingConfig", {}).get("AdditionalVersionWeights")),
            alias.get("Description", ""),
            alias["RevisionId"],
        )

    def unfinished(self, package: str | None = None) -> list[str]:
        """The handlers whose live version is not what the function was changed to, or has another package.

        So it is after a roll-back, and after an apply that was interrupted: the provider (5.100) notes the
        new code and configuration of a function in the state also when it was stopped before it had sent
        the code, or published the version. The next plan is empty then, and the old version is called for
        ever.

        Args:
            package: the one that all should run, in hexadecimal; None for whatever they have.
        """
        return [handler for handler in sorted(self.names) if self._is_unfinished(handler, package)]

    def finish(self, code: bytes) -> list[str]:
        """Does what an interrupted apply has left undone.

        To be called when all else is as Terraform wants it: after an apply, or when a plan is empty.

        Args:
            code: the package that was planned with. Not its path: by now there may be another one.

        Returns:
            The handlers that were unfinished.
        """
        package = sha256(code).hexdigest()
        unfinished = self.unfinished(package)
        updated = self.client.get_waiter("function_updated_v2")
        for handler in unfinished:
            name = self.names[handler]
            # what the apply was stopped in may still be going on
            updated.wait(FunctionName=name)
            if _package(self.client.get_function_configuration(FunctionName=name)) != package:
                self.client.update_function_code(FunctionName=name, ZipFile=code)
                updated.wait(FunctionName=name)
            version = self.client.publish_version(FunctionName=name)["Version"]
            self.client.update_alias(FunctionName=name, Name=self.alias, FunctionVersion=version)
        return unfinished

    def _is_unfinished(self, handler: str, package: str | None) -> bool:
        latest, live = (
            self.client.get_function_configuration(FunctionName=self.names[handler], Qualifier=qualifier)
            for qualifier in (LATEST, self.alias)
        )
        return differ(live, latest) or _package(latest) != (package or _package(latest))


def differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two versions, as GetFunctionConfiguration tells them, have other code or settings."""
    return any(one.get(setting) != other.get(setting) for setting in ("CodeSha256", *CONFIGURATION))


def _version(configuration: Mapping[str, Any]) -> Version:
    # such as 2026-11-25T10:00:00.000+0000
    changed = datetime.fromisoformat(configuration["LastModified"])
    return Version(configuration["Version"], _package(configuration), changed)


def _package(configuration: Mapping[str, Any]) -> str:
    return b64decode(configuration["CodeSha256"]).hex()
