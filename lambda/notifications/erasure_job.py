"""The rows that the API leaves for the erase function, and how both know them."""

ERASING = "ERASING"


def device_row_id(device_id: str) -> str:
    """The key of the row that says whose a device is."""
    return f"device#{device_id}"


def erasure_id(sub: str) -> str:
    """The key of a person's erasure."""
    return f"erasure#{sub}"


def watch_id(address_digest: str) -> str:
    """The key of the watch over an address whose subscription is pending; nothing else is known then."""
    return f"erasure#address#{address_digest}"
