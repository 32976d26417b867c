"""GET and POST /unsubscribe: a link in a mail, for whoever has the mail.

Only POST changes anything: programs that look for malware follow every link of a mail. The token is the
whole authority; what the body says does not matter: mail programs (RFC 8058) and browsers post different
ones.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from notifications.api.choices import save, with_choice
from notifications.api.errors import ApiError, try_again
from notifications.api.exchange import Answer, Caller, Request
from notifications.api.services import TRIES, Services
from notifications.tokens import InvalidTokenError, Unsubscription

if TYPE_CHECKING:
    from jinja2 import Template

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_WORDS = {"Email": "e-mail", "SMS": "SMS", "Push": "push message"}


def ask(services: Services, request: Request) -> Answer:
    """The page that asks whether it is meant."""
    return _page(200, ask=True, **_words(services, _read(services, request)))


def unsubscribe(services: Services, request: Request) -> Answer:
    """Switches the category off on the channel, as often as it is asked."""
    what = _read(services, request)
    for _ in range(TRIES):
        person = services.find(Caller(what.user_id, what.sub))
        if (
            person is None
            or person.user.preferences.channels.get(what.category, {}).get(what.channel) is False
        ):
            return _page(200, **_words(services, what))
        chosen = with_choice(person.user.preferences, what.category, {what.channel: False})
        if save(services, person, chosen):
            return _page(200, **_words(services, what))
    raise try_again()


def page_of(error: ApiError) -> Answer:
    """An error, for people."""
    return _page(error.status, error=error.message)


def _read(services: Services, request: Request) -> Unsubscription:
    token = request.query.get("token", "")
    try:
        what = services.tokens.read(token, services.clock())
    except InvalidTokenError:
        message = "This link is not valid any more. Please sign in to change what you receive."
        raise ApiError(400, "invalid_token", message) from None
    category = services.categories.get(what.category)
    if category and category.critical:
        message = "These messages concern your account and cannot be switched off."
        raise ApiError(400, "critical_category", message)
    return what


def _words(services: Services, what: Unsubscription) -> dict[str, str]:
    category = services.categories.get(what.category)
    name = category.name if category and category.name else what.category
    return {"category": name, "channel": _WORDS.get(what.channel, what.channel)}


def _page(status: int, **words: Any) -> Answer:
    values: Mapping[str, Any] = {"ask": False, "error": "", **words}
    return Answer(status, _template().render(values), HEADERS)


@cache
def _template() -> "Template":
    # a third of what the API would import at its start, and few of those who call it see the page
    from jinja2 import Environment, StrictUndefined

    text = Path(__file__).with_name("unsubscribe.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined).from_string(text)
