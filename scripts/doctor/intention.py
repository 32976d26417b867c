"""What Terraform has made, as its state knows it: what doctor compares the live system with."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# what a function's execution role and the like are made of, and no more than that is read
Values = Mapping[str, Any]


class NotKnownError(Exception):
    """What a check compares with is not known; the message says what and why."""


@dataclass(frozen=True)
class Resource:
    """A resource of the state."""

    address: str
    type: str
    values: Values


@dataclass(frozen=True)
class Intention:
    """The outputs and the resources of a stack.

    resources: None when the state could not be read; why says the reason.
    """

    outputs: Mapping[str, Any]
    resources: Sequence[Resource] | None = None
    why: str = ""

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> "Intention":
        """From Terraform's "JSON Output Format" of a state."""
        values = state.get("values", {})
        outputs = {name: output.get("value") for name, output in values.get("outputs", {}).items()}
        return cls(outputs, tuple(_resources(values.get("root_module", {}))))

    def output(self, name: str) -> Any:
        """An output of the root module.

        Raises:
            NotKnownError: there is none.
        """
        value = self.outputs.get(name)
        if value is None:
            raise NotKnownError(f"the output {name} is not known{self._reason}")
        return value

    def all(self, kind: str, **values: Any) -> list[Resource]:
        """The resources of a type that have these values.

        Raises:
            NotKnownError: the state could not be read.
        """
        if self.resources is None:
            raise NotKnownError(f"what Terraform intends is not known{self._reason}")
        return [
            resource
            for resource in self.resources
            if resource.type == kind and values.items() <= _plain(resource.values).items()
        ]

    def find(self, kind: str, **values: Any) -> Values | None:
        """The values of the first resource of a type that has these; None where there is none.

        Raises:
            NotKnownError: the state could not be read.
        """
        found = self.all(kind, **values)
        return found[0].values if found else None

    @property
    def functions(self) -> Mapping[str, str]:
        """The names of the functions by handler."""
        names: Mapping[str, str] = self.output("function_names")
        return names

    @property
    def trigger(self) -> str:
        """The ARN that the user pool is to call when somebody has confirmed, with the alias if it has one.

        Raises:
            NotKnownError: neither the outputs nor the state say it.
        """
        named = self.outputs.get("post_confirmation_arn")
        if named:
            return str(named)
        pool = self.find("aws_cognito_user_pool", id=self.output("user_pool_id")) or {}
        if calls := block(pool, "lambda_config").get("post_confirmation"):
            return str(calls)
        raise NotKnownError("which function the user pool is to call is not known")

    @property
    def _reason(self) -> str:
        return f": {self.why}" if self.why else ""


def block(values: Values, name: str) -> Values:
    """A nested block that is there once at most; empty where it is not."""
    found: Values = next(iter(values.get(name) or ()), {})
    return found


def _resources(module: Mapping[str, Any]) -> Iterator[Resource]:
    for found in module.get("resources", ()):
        if found.get("mode") == "managed":
            yield Resource(found["address"], found["type"], found.get("values", {}))
    for child in module.get("child_modules", ()):
        yield from _resources(child)


def _plain(values: Values) -> dict[str, Any]:
    """Those values that can be compared by a set operation."""
    return {name: value for name, value in values.items() if not isinstance(value, list | dict)}
