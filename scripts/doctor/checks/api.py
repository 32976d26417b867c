"""The HTTP API: whether it is reached, its function answers, and what is not public is not."""

from collections.abc import Iterable

import httpx

from scripts.doctor.context import Context
from scripts.doctor.findings import Finding, broken, ok

# a cold start, and no more patience than a person's
SECONDS = 15
PUBLIC = "/unsubscribe"
PROTECTED = "/preferences"


def api(context: Context) -> Iterable[Finding]:
    """A GET without a token on one route of each kind: both are refused, each in its own way."""
    url = str(context.output("api_endpoint"))
    function = context.intention.functions["api"]
    look = f"aws logs tail /aws/lambda/{function} --since 15m; and its permission, above"
    try:
        public, protected = (
            httpx.get(url + path, timeout=SECONDS).status_code for path in (PUBLIC, PROTECTED)
        )
    except httpx.HTTPError as error:
        yield broken(
            "api.reached",
            url,
            f"it is not reached from here: {type(error).__name__}",
            f"Try it from elsewhere; {context.make('plan')} shows whether it is still there.",
        )
        return
    if public >= 500:
        yield broken("api.reached", url, f"GET {PUBLIC} is answered with {public}: the function fails", look)
    elif public == 404:
        yield broken(
            "api.reached", url, f"GET {PUBLIC} is 404: the route is not there", f"{context.make('deploy')}."
        )
    else:
        yield ok("api.reached", url, f"it answers: {public} to a link without a token")
    if protected not in (401, 403):
        yield broken(
            "api.protected",
            url,
            f"GET {PROTECTED} without signing in is answered with {protected}, and not with 401",
            f"{context.make('plan')} shows what was changed of its authorizer.",
        )
    else:
        yield ok("api.protected", url, f"nobody gets in without signing in: {protected}")
