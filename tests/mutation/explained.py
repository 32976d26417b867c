"""Why a mutant may survive: survivors.toml says so for each, by the line and what it becomes."""

import json
import tomllib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from tests.mutation.mutants import Mutant

EXPLAINED = Path(__file__).parent / "survivors.toml"
Key = tuple[str, str, str, str]


def read(path: Path = EXPLAINED) -> dict[Key, str]:
    """The reason for each survivor: by module, function, the line before and after.

    Raises:
        ValueError: an entry has not these four, or is there twice.
    """
    reasons: dict[Key, str] = {}
    for group in tomllib.loads(path.read_text("utf-8")).get("survivors", []):
        for entry in group["mutants"]:
            if len(entry) != 4:
                raise ValueError(f"{path.name}: module, function, before and after are needed: {entry}")
            key: Key = tuple(entry)
            if key in reasons:
                raise ValueError(f"{path.name}: explained twice: {entry}")
            reasons[key] = group["reason"]
    return reasons


def unexplained(survivors: Iterable[Mutant], reasons: Mapping[Key, str]) -> list[Mutant]:
    """The survivors that nobody has looked at."""
    return [mutant for mutant in survivors if mutant.key not in reasons]


def stale(survivors: Iterable[Mutant], reasons: Mapping[Key, str], modules: Collection[str]) -> list[Key]:
    """The explanations, of these modules, of what does not survive (any more)."""
    surviving = {mutant.key for mutant in survivors}
    return [key for key in reasons if key[0] in modules and key not in surviving]


def entry(key: Key) -> str:
    """A line of survivors.toml."""
    return json.dumps(key, ensure_ascii=False)
