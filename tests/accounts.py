"""Accounts that come into the pool by another way than a sign-up, in tests."""

from scripts.person import Person
from tests.deployment import Deployment


def made_by_administrator(system: Deployment, person: Person) -> str:
    """Somebody whom an administrator has made, for whom no trigger runs; their subject."""
    user = system.application.cognito.admin_create_user(
        UserPoolId=system.pool,
        Username=person.username,
        MessageAction="SUPPRESS",
        UserAttributes=[
            {"Name": "email", "Value": person.email},
            {"Name": "email_verified", "Value": "true"},
        ],
    )["User"]
    return next(str(entry["Value"]) for entry in user["Attributes"] if entry["Name"] == "sub")
