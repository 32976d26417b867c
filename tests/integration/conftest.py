"""The whole system, deployed: to a local AWS of the tests' own, or to the emulator at AWS_ENDPOINT_URL.

What an emulator lacks is asked of it, not assumed. Ours must lack nothing: a test that cannot run there
fails. On another one it is left out, and the report says why.
"""

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from notifications.notification import timestamp
from scripts.catalogue import Catalogue, examples
from scripts.person import Application, Person
from tests.deployment import Deployment, Member, Probe, Row
from tests.place import POOL, CannotDeployError, Place, emulated

# as the shell had it: tests of other folders have an endpoint of their own
GIVEN = os.environ.get("AWS_ENDPOINT_URL")
# how e-mail goes out: the suite runs once with each, in the same environment
WAYS = ("sns", "ses")
# what has nothing to do with how: once, or with EVERY_WAY=1 like all else; by SNS there is more to do anyway
ONCE = pytest.mark.parametrize("system", WAYS if os.environ.get("EVERY_WAY") else WAYS[1:], indirect=True)


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An emulator for these tests alone, or the one that was given."""
    try:
        with emulated(tmp_path_factory.mktemp("place"), GIVEN) as place:
            yield place
    except CannotDeployError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="package", params=WAYS)
def system(request: pytest.FixtureRequest, place: Place) -> Deployment:
    """The deployed system, once with each way for e-mail."""
    if request.param == "ses" and "sesv2" in place.lacks:
        pytest.skip(f"{place.url} has no sesv2: what is left out, EVERY_WAY=1 does by SNS")
    return place.deploy(request.param)


@pytest.fixture(scope="package")
def probes(system: Deployment) -> Iterator[dict[str, Probe]]:
    """A probe for each function's role."""
    made = {handler: Probe(system, handler).make() for handler in system.outputs["function_names"]}
    yield made
    for one in made.values():
        one.unmake()


@pytest.fixture(scope="package")
def lacking(system: Deployment, probes: dict[str, Probe]) -> dict[str, str]:
    """What this emulator cannot do, and how that was seen. Ours can do everything."""
    found = {} if system.ours else {"local-aws": "it was started by somebody else"}
    topic = system.outputs["notification_topic_arn"]
    tried = {name for name in probes if probes[name].may("sns", "publish", TopicArn=topic, Message="x")}
    if tried != ({"deliver", "sweep"} if system.way == "sns" else set()):
        found["enforcement"] = f"publishing is allowed to {sorted(tried)}"
    try:
        system.application.mailbox.all()
    except (KeyError, httpx.HTTPError) as error:
        return found | dict.fromkeys(("mailbox", "trigger", "opt-in"), f"it shows no mail: {error!r}")
    if absent := sorted(POOL & set(system.lacks)):
        why = ", ".join(f"{service} ({system.lacks[service]})" for service in absent)
        return found | dict.fromkeys(("trigger", "opt-in"), f"there is no {why}")
    person = Person()
    sub = system.application.sign_up(person)
    system.client("cognito-idp").admin_confirm_sign_up(UserPoolId=system.pool, Username=person.username)
    if not system.welcome(sub):
        found |= dict.fromkeys(("trigger", "opt-in"), "a confirmed sign-up ran no post-confirmation trigger")
    assert not (system.ours and found), found
    return found


def leave_out_what_needs(node: pytest.Item | pytest.Module, system: Deployment, lacking: Row) -> None:
    """Leaves out a test, or a whole file, of what another emulator cannot do, and says so."""
    marker = node.get_closest_marker("needs")
    for need in marker.args if marker else ():
        if need in lacking:
            pytest.skip(f"{system.environment.endpoint_url} has no {need}: {lacking[need]}")


@pytest.fixture(autouse=True)
def needs(request: pytest.FixtureRequest, system: Deployment, lacking: dict[str, str]) -> None:
    leave_out_what_needs(request.node, system, lacking)


@pytest.fixture(scope="module", autouse=True)
def all_need(request: pytest.FixtureRequest, system: Deployment, lacking: dict[str, str]) -> None:
    """Before the fixtures that the tests of a file share."""
    leave_out_what_needs(request.node, system, lacking)


@pytest.fixture(scope="module")
def reachable(system: Deployment) -> Member:
    """Somebody who can be reached by every channel. What they prefer is theirs to change back."""
    member = system.member()
    phone = f"+1555{secrets.randbelow(10**7):07}"
    (application,) = json.loads(system.variables("api")["PUSH_APPLICATIONS"]).values()
    token = secrets.token_hex(16)
    endpoint = system.client("sns").create_platform_endpoint(PlatformApplicationArn=application, Token=token)
    device = {
        "EndpointArn": endpoint["EndpointArn"],
        "Platform": "GCM",
        "At": timestamp(datetime.now(UTC)),
    }
    system.change_record(member.person, PhoneNumber=phone, Devices={"0123456789abcdef": device})
    return replace(member, phone=phone, device=token)


# as many together as a function's environment has room for
TOGETHER = 5
BATCHES = [examples()[start : start + TOGETHER] for start in range(0, len(examples()), TOGETHER)]


@pytest.fixture(scope="module")
def catalogues(system: Deployment, request: pytest.FixtureRequest) -> Iterator[dict[str, Catalogue]]:
    """Example catalogues, deployed: the batch that the test names, or one with critical categories, too."""
    # a number, by which pytest sees that the next test wants the same
    names = BATCHES[request.param] if hasattr(request, "param") else ("bank", "shop")
    with system.catalogues(names) as deployed:
        yield deployed


@pytest.fixture
def application(system: Deployment) -> Application:
    return system.application
