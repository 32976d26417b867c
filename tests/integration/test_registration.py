"""From sign-up to welcome, over the public APIs, as people and applications use them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from scripts.person import CONFIRMATION, WELCOME, Application, Person, wait_for
from tests.deployment import Deployment

pytestmark = pytest.mark.needs("mailbox", "trigger", "opt-in")


@dataclass(frozen=True)
class Namesake(Person):
    """Somebody with an address of another's choosing."""

    address: str = ""

    @property
    def email(self) -> str:
        return self.address


def test_several_at_once_each_get_their_own_welcome_once(
    system: Deployment, application: Application
) -> None:
    people = [Person() for _ in range(4)]

    with ThreadPoolExecutor(len(people)) as pool:
        subs = list(pool.map(application.register, people))
        late = people[-1]
        if system.way == "sns":
            list(pool.map(application.opt_in, people[:-1]))
    # no help of ours: the schedule must find those who have opted in
    for person, sub in zip(people[:-1], subs, strict=False):
        system.wait_state(f"welcome#{sub}", "SENT", within=90)
        assert application.mailbox.wait(person.email, WELCOME).to == [person.email]

    if system.way == "sns":
        assert application.mailbox.of(late.email, WELCOME) == []
    system.welcomed(late, subs[-1])

    for person, sub in zip(people, subs, strict=True):
        record = system.user(person)
        assert record
        assert (record["Email"], record["Sub"], record["NotificationPreference"]) == (
            person.email,
            sub,
            "Email",
        )
        assert system.welcomes_of(person) == [person.email]
        # the code, the opt-in, the welcome
        assert len(application.mailbox.of(person.email)) == {"sns": 3, "ses": 2}[system.way]


def test_a_wrong_code_registers_nobody(system: Deployment, application: Application) -> None:
    person = Person()
    sub = application.sign_up(person)
    code = application.code(person)
    with pytest.raises(application.cognito.exceptions.CodeMismatchException):
        application.confirm(person, f"{(int(code) + 1) % 1_000_000:06}")
    assert system.user(person) is None
    assert system.welcome(sub) is None


def test_nothing_is_sent_to_an_address_that_nobody_has_shown_to_be_theirs(
    system: Deployment, application: Application
) -> None:
    """By SNS each address is asked; by SES only one that an administrator confirmed can be unproven."""
    person, sub = confirmed_by_administrator(system)
    reason = {"sns": "PendingConfirmation", "ses": "EmailNotVerified"}[system.way]
    if system.way == "sns":
        application.mailbox.wait(person.email, CONFIRMATION)
    system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")
    system.sweep(f"welcome#{sub}")
    assert system.wait_state(f"welcome#{sub}", "WAITING_OPT_IN")["Reason"] == reason
    assert application.mailbox.of(person.email, WELCOME) == []


def test_a_password_reset_changes_nothing(system: Deployment, application: Application) -> None:
    person = Person()
    sub = application.register(person)
    system.welcomed(person, sub)
    before = system.user(person), system.welcome(sub)

    cognito, client = application.cognito, application.client_id
    cognito.forgot_password(ClientId=client, Username=person.username)
    cognito.confirm_forgot_password(
        ClientId=client,
        Username=person.username,
        ConfirmationCode=application.code(person, count=2),
        Password=Person().password,
    )

    assert (system.user(person), system.welcome(sub)) == before
    assert system.welcomes_of(person) == [person.email]


def test_whom_an_administrator_confirms_is_registered_like_any_other(
    system: Deployment, application: Application
) -> None:
    person, sub = confirmed_by_administrator(system, verified=True)
    system.welcomed(person, sub)
    assert system.user(person)
    assert system.welcomes_of(person) == [person.email]


def test_a_new_person_with_a_freed_username_starts_afresh(
    system: Deployment, application: Application
) -> None:
    first, first_sub = confirmed_by_administrator(system)
    system.wait_state(f"welcome#{first_sub}", "WAITING_OPT_IN")
    system.client("cognito-idp").admin_delete_user(UserPoolId=system.pool, Username=first.username)

    second = Namesake(first.username, address=f"second-{first.email}")
    second_sub = application.register(second)
    if system.way == "sns":
        application.opt_in(first)
    system.sweep(f"welcome#{first_sub}")
    system.welcomed(second, second_sub)

    assert system.wait_state(f"welcome#{first_sub}", "SKIPPED")["Reason"] == "RecipientGone"
    record = system.user(second)
    assert record
    assert (record["Email"], record["Sub"]) == (second.email, second_sub)
    assert system.welcomes_of(second) == [second.email]


def test_two_usernames_with_one_address_do_no_harm(system: Deployment, application: Application) -> None:
    first = Person()
    second = Namesake(f"{first.username}-too", address=first.email)
    subs = [application.register(first), application.sign_up(second)]
    with pytest.raises(application.cognito.exceptions.AliasExistsException):
        application.confirm(second, application.code(second, count=2))
    system.client("cognito-idp").admin_confirm_sign_up(UserPoolId=system.pool, Username=second.username)

    system.welcomed(first, subs[0])
    system.wait_state(f"welcome#{subs[1]}", "WAITING_OPT_IN", "SENT")
    system.sweep(f"welcome#{subs[1]}")

    if system.way == "sns":
        # the address has opted in, whoever it was that asked
        system.wait_state(f"welcome#{subs[1]}", "SENT")
        wait_for("the second welcome", lambda: system.welcomes_of(second) or None, within=10)
    else:
        assert system.wait_state(f"welcome#{subs[1]}", "WAITING_OPT_IN")["Reason"] == "EmailNotVerified"
    for person in (first, second):
        record = system.user(person)
        assert record
        assert record["Email"] == first.email
    assert system.welcomes_of(first) == [first.email]


def confirmed_by_administrator(system: Deployment, *, verified: bool = False) -> tuple[Person, str]:
    """Somebody who never gave back a code, and their subject."""
    person, cognito = Person(), system.client("cognito-idp")
    sub = system.application.sign_up(person)
    if verified:
        cognito.admin_update_user_attributes(
            UserPoolId=system.pool,
            Username=person.username,
            UserAttributes=[{"Name": "email_verified", "Value": "true"}],
        )
    cognito.admin_confirm_sign_up(UserPoolId=system.pool, Username=person.username)
    return person, sub
