"""All checks, made side by side; what goes wrong in one hides no other."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from scripts.doctor.checks.alarms import alarms
from scripts.doctor.checks.api import api
from scripts.doctor.checks.functions import functions
from scripts.doctor.checks.invocations import invocations
from scripts.doctor.checks.keys import keys
from scripts.doctor.checks.logs import logs
from scripts.doctor.checks.mappings import mappings, schedules
from scripts.doctor.checks.person import person
from scripts.doctor.checks.pool import pool
from scripts.doctor.checks.queues import queues
from scripts.doctor.checks.roles import roles
from scripts.doctor.checks.rows import rows
from scripts.doctor.checks.ses import ses
from scripts.doctor.checks.sms import sms
from scripts.doctor.checks.state import state
from scripts.doctor.checks.tables import tables
from scripts.doctor.checks.topic import topic
from scripts.doctor.checks.trigger import trigger
from scripts.doctor.context import SIDE_BY_SIDE, Context, tried
from scripts.doctor.findings import Finding

Check = Callable[[Context], Iterable[Finding]]


@dataclass(frozen=True)
class Subject:
    """What a group of findings is about. title: as the report names it."""

    name: str
    title: str
    check: Check


# in the order in which somebody would look who is called at night
SUBJECTS: Sequence[Subject] = (
    Subject("state", "Terraform's state", state),
    Subject("trigger", "Post-confirmation trigger", trigger),
    Subject("pool", "User pool", pool),
    Subject("functions", "Functions", functions),
    Subject("invocations", "Calls of the functions", invocations),
    Subject("mappings", "Stream and queue", mappings),
    Subject("schedules", "Schedules", schedules),
    Subject("rows", "Rows that are due", rows),
    Subject("queues", "Queues", queues),
    Subject("alarms", "Alarms", alarms),
    Subject("topic", "E-mail by SNS", topic),
    Subject("ses", "E-mail by SES", ses),
    Subject("sms", "SMS", sms),
    Subject("api", "HTTP API", api),
    Subject("tables", "Tables", tables),
    Subject("keys", "Keys", keys),
    Subject("logs", "Log groups", logs),
    Subject("roles", "Permissions", roles),
    Subject("person", "The person", person),
)
NAMES = tuple(subject.name for subject in SUBJECTS)


def examine(
    context: Context, names: Iterable[str] = NAMES, done: Callable[[str], None] = lambda _title: None
) -> list[Finding]:
    """What all checks of these subjects find, in the order of the subjects.

    done: hears the title of each subject that has been looked at.
    """
    wanted = set(names)
    chosen = [subject for subject in SUBJECTS if subject.name in wanted]

    def look(subject: Subject) -> list[Finding]:
        found = list(tried(f"{subject.name}.looked_at", subject.title, lambda: subject.check(context)))
        done(subject.title)
        return found

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        return [finding for findings in pool.map(look, chosen) for finding in findings]
