"""What requests and people's answers are made of, in tests: the data of the shop's texts, numbers, codes."""

import json
import re
import secrets
from typing import Any

from scripts.catalogue import SAMPLE, Catalogue


def sample(catalogue: Catalogue, key: str) -> dict[str, Any]:
    assert catalogue.templates
    loaded: dict[str, Any] = json.loads((catalogue.templates / key / SAMPLE).read_text())
    return loaded


def order(number: int | str) -> dict[str, Any]:
    """The data of the shop's template for orders."""
    return {**sample(Catalogue.example("shop"), "orders"), "order": f"<{number}>"}


def parcel() -> dict[str, Any]:
    """The data of the shop's template for shipping, which goes out by e-mail and push."""
    return sample(Catalogue.example("shop"), "shipping")


def new_number() -> str:
    return f"+1555{secrets.randbelow(10**7):07}"


def code_in(text: str) -> str:
    found = re.search(r"\b\d{6}\b", text)
    assert found, "the text holds a code"
    return found[0]
