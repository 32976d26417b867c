"""Deploys the system to the local AWS and registers a person, as a newcomer would see it."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
import httpx
from botocore.exceptions import ClientError
from rich.console import Console
from rich.table import Column, Table

from notifications.rows import unmarshal
from scripts.environment import BUILD, LOCAL, ROOT, TERRAFORM, Environment
from scripts.functions import Functions
from scripts.person import (
    CONFIRMATION,
    MAILBOX,
    WELCOME,
    Application,
    Mail,
    NotSeenError,
    Person,
    wait_for,
)
from scripts.stack import Stack, environment_named, plainly
from scripts.story import Story
from scripts.terraform import TerraformError

REPORT = BUILD / "demo.json"
# of the catalogue that the local environment has
CATEGORY = "orders"
SAMPLE = TERRAFORM / "catalogues" / "shop" / "templates" / CATEGORY / "sample.json"
# the sweep comes every minute
SWEPT_WITHIN = 100
LOOK_NEXT = {
    "This as JSON": str(REPORT.relative_to(ROOT)),
    "Names and ids": "make outputs",
    "Its state": "make local-status",
    "All messages": "make preview",
    "Another person": "make demo",
    "Stop": "make local-down",
}


@click.command()
@plainly
def main() -> None:
    """Deploy to the local AWS, then sign up, confirm, opt in and be welcomed."""
    story = Story(Console())
    report: dict[str, Any] = {"started_at": datetime.now(UTC).isoformat(timespec="seconds"), "ok": False}
    try:
        environment, outputs = deployed(story)
        report |= {"outputs": outputs} | registered(story, environment, outputs)
        report |= {"look_next": {"All mail": f"{environment.endpoint_url}{MAILBOX}"} | LOOK_NEXT, "ok": True}
    except (NotSeenError, TerraformError, ClientError, httpx.HTTPError) as error:
        raise click.ClickException(str(error)) from None
    finally:
        report["steps"] = story.steps
        BUILD.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    summary(story.console, report)


def deployed(story: Story) -> tuple[Environment, dict[str, Any]]:
    """The local AWS with the system in it."""
    with story.step("Start the local AWS") as tell:
        environment = environment_named(LOCAL)
        tell(str(environment.endpoint_url))
    stack = Stack(environment, stream=False)
    with story.step("Build the functions' package") as tell:
        tell(f"sha256 {stack.package()}")
    code = stack.package_path.read_bytes()
    with story.step("Prepare Terraform and its state bucket"):
        stack.init()
    with story.step("Plan") as tell:
        changes = stack.plan()
        tell("there is something to change" if changes else "nothing to change")
    if changes:
        with story.step("Apply") as tell:
            stack.apply()
            tell(f"{len(stack.terraform.resources())} resources and data sources in the state")
    outputs = stack.outputs()
    # what an interrupted run may have left undone, and no plan shows
    Functions.of(environment.client("lambda"), outputs).finish(code)
    return environment, outputs


def registered(story: Story, environment: Environment, outputs: dict[str, Any]) -> dict[str, Any]:
    """A person who has been recorded and welcomed."""
    application = Application.of(environment, outputs)
    mailbox = application.mailbox
    dynamodb = environment.client("dynamodb")
    person = Person()

    with story.step(f"Sign up as {person.username}"):
        sub = application.sign_up(person)
    with story.step("Read the code from the mailbox") as tell:
        code = application.code(person)
        tell(f"{person.email} got {code}")
    with story.step("A wrong code is refused") as tell:
        try:
            application.confirm(person, f"{(int(code) + 1) % 1_000_000:06}")
        except application.cognito.exceptions.CodeMismatchException as error:
            tell(error.response["Error"]["Code"])
        else:
            raise NotSeenError("a wrong code was accepted")
    with story.step("The right code is accepted"):
        application.confirm(person, code)

    def recorded() -> dict[str, str]:
        found = dynamodb.get_item(
            TableName=outputs["user_table_name"], Key={"UserID": {"S": person.username}}, ConsistentRead=True
        )
        if "Item" not in found:
            raise NotSeenError("there is no record in the table")
        return {name: str(value) for name, value in sorted(unmarshal(found["Item"]).items())}

    with story.step("The record is in the table"):
        recorded()
    with story.step("The opt-in mail arrives"):
        mailbox.wait(person.email, CONFIRMATION)
        if mailbox.of(person.email, WELCOME):
            raise NotSeenError("the welcome came before the opt-in")
    with story.step("Opt in by its link"):
        application.opt_in(person)
    with story.step("The welcome arrives with the next sweep, which comes every minute") as tell:
        tell(mailbox.wait(person.email, WELCOME, SWEPT_WITHIN).text.splitlines()[0])
    with story.step("It came once, and to nobody else"):
        key = {"NotificationID": {"S": f"welcome#{sub}"}}

        def sent() -> bool | None:
            row = dynamodb.get_item(
                TableName=outputs["notification_table_name"], Key=key, ConsistentRead=True
            )
            return row["Item"]["State"]["S"] == "SENT" or None

        wait_for("the notification as SENT", sent, within=10)
        welcomes = [mail for mail in mailbox.all() if f"Hello {person.username}," in mail.text]
        if [mail.to for mail in welcomes] != [[person.email]]:
            raise NotSeenError(
                f"the welcome went to {[mail.to for mail in welcomes]}, not once to {person.email}"
            )
    with story.step("An application asks for a message about an order, and it arrives") as tell:
        request = {
            "id": f"demo-{person.username}",
            "to": {"user": person.username},
            "category": CATEGORY,
            "data": json.loads(SAMPLE.read_text()),
        }
        environment.client("sqs").send_message(
            QueueUrl=outputs["notification_queue_url"], MessageBody=json.dumps(request)
        )
        order = request["data"]["order"]

        def told() -> Mail | None:
            return next((mail for mail in mailbox.of(person.email) if order in mail.subject), None)

        tell(wait_for("the mail about the order", told, within=SWEPT_WITHIN).subject)
    return {"record": recorded(), "mails": [asdict(mail) for mail in mailbox.of(person.email)]}


def summary(console: Console, report: dict[str, Any]) -> None:
    """The record, the mails and where to look next."""
    record = Table("Attribute", Column("Value", overflow="fold"), title="The record")
    for name, value in report["record"].items():
        record.add_row(name, value)
    mails = Table("Subject", "Text", title="The mails")
    for mail in report["mails"]:
        mails.add_row(mail["subject"], mail["text"].splitlines()[0])
    console.print(record, mails)
    for what, where in report["look_next"].items():
        console.print(f"{what:<15}  {where}", highlight=False)
    console.print(f"Done in {sum(step['seconds'] for step in report['steps']):.0f} s.", highlight=False)


if __name__ == "__main__":
    sys.exit(main(prog_name="make demo"))
