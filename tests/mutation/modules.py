"""What is mutated, and which tests concern it."""

from pathlib import Path

from scripts.environment import ROOT

PACKAGE = ROOT / "lambda" / "notifications"
TESTS = ROOT / "tests" / "unit" / "functions"

# By module: the tests that are about it. Any of these may kill a mutant, and no other.
MODULES = {
    "delivery": ("delivery", "delivery_table", "handlers", "versions"),
    "outbox": ("outbox", "delivery"),
    "notification": ("notification",),
    "registration": ("registration", "notification"),
    "transaction": ("transaction",),
    "rates": ("rates",),
    "preferences": ("preferences", "delivery_table"),
    "channels": ("channels",),
    "channels.sns_email": ("channels",),
    "channels.ses_email": ("channels",),
    "channels.sms": ("channels",),
    "channels.push": ("channels",),
    "feedback": ("feedback",),
    "users": ("users",),
    "tokens": ("tokens",),
    "broadcast": ("broadcast",),
    "erasure": ("erasure",),
    "erasure_job": ("erasure_job",),
    "requests": ("requests", "enqueue"),
    "reconciliation": ("reconciliation", "reconciliation_pass"),
    "reconciliation_pass": ("reconciliation_pass",),
}


def path_of(module: str, package: Path = PACKAGE) -> Path:
    """The file of a module."""
    path = package.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def concerning(module: str) -> list[Path]:
    """The files of the tests that concern a module."""
    return [TESTS / f"test_{name}.py" for name in MODULES[module]]
