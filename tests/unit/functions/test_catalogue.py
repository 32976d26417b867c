import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.catalogue import CatalogueError, Category, catalogue_from

ORDERS = {"channels": ["SMS", "Email"], "critical": False, "good_for_hours": 72}


def test_categories_are_read_with_and_without_texts() -> None:
    texts = {"name": "Orders", "description": "Your orders."}
    read = catalogue_from(json.dumps({"orders": ORDERS, "account": {**ORDERS, "critical": True, **texts}}))
    orders = Category("orders", ("SMS", "Email"), False, timedelta(days=3))
    account = Category("account", ("SMS", "Email"), True, timedelta(days=3), "Orders", "Your orders.")
    assert read == {"orders": orders, "account": account}


WRONG: list[dict[str, Any]] = [
    *({"channels": value} for value in (["Fax"], "Email", None)),
    *({"critical": value} for value in ("false", None)),
    *({"good_for_hours": value} for value in ("72", None, 1e300)),
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_category_that_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(CatalogueError, match="CATALOGUE cannot be read"):
        catalogue_from(json.dumps({"orders": {**ORDERS, **wrong}}))


@pytest.mark.parametrize("name", ORDERS)
def test_what_a_category_lacks_is_named(name: str) -> None:
    with pytest.raises(CatalogueError, match=name):
        catalogue_from(json.dumps({"orders": {key: ORDERS[key] for key in ORDERS if key != name}}))


def test_a_channel_that_does_not_exist_is_named() -> None:
    with pytest.raises(CatalogueError, match=r"orders.*Fax"):
        catalogue_from(json.dumps({"orders": {**ORDERS, "channels": ["Fax"]}}))


keys = st.sampled_from(["channels", "critical", "good_for_hours", "x"])
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
)


@given(st.text() | json_values.map(json.dumps))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        catalogue_from(text)
    except CatalogueError as error:
        assert "CATALOGUE" in str(error)  # noqa: PT017 - it may also not raise
