"""What a reconciliation has found so far, in a file: so that one that was stopped goes on.

A page of users, and the place after it, are one transaction of SQLite: who is killed loses a page at most.
The file holds user names and is nobody else's to read; it goes when all has come to its end.
"""

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from notifications.notification import instant
from notifications.reconciliation import Finding, Verdict

# What was seen longer ago says too little about today
GOOD_FOR = timedelta(days=1)
_TABLES = """
CREATE TABLE IF NOT EXISTS run (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subs (sub TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS users (
    sub TEXT PRIMARY KEY, username TEXT NOT NULL, status TEXT NOT NULL, verdict TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    username TEXT PRIMARY KEY, sub TEXT NOT NULL, verdict TEXT NOT NULL
) WITHOUT ROWID;
"""


class LedgerError(Exception):
    """The file cannot be used; the message says what to do."""


class Orphan(StrEnum):
    """What is known of a record whose subject was not in the list of users."""

    SUSPECTED = "Suspected"
    ORPHANED = "Orphaned"
    ERASING = "Erasing"


class Ledger:
    """The file of one reconciliation, which nobody else can open meanwhile."""

    def __init__(self, path: Path) -> None:
        """Opens the file, or makes it.

        Raises:
            LedgerError: another reconciliation has it, or it is no such file.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise LedgerError(f"{path} cannot be used: {error.strerror}.") from None
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            # it is taken with the first write, and kept
            self._db.executescript(f"BEGIN EXCLUSIVE; {_TABLES} COMMIT;")
        except sqlite3.DatabaseError as error:
            self._db.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise LedgerError("Another run has this environment in hand; wait for its end.") from None
            raise LedgerError(f"{path} cannot be used ({error}); remove it and run this again.") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def resume(self, wanted: Mapping[str, Any], now: datetime) -> bool:
        """Goes on with the run that is in the file if it is the one that is wanted, else begins anew."""
        is_same = self.get("wanted") == json.dumps(wanted, sort_keys=True)
        if is_same and self._is_recent(now) and (self.get("records") or "0").isdecimal():
            return True
        self.begin(wanted, now)
        return False

    def _is_recent(self, now: datetime) -> bool:
        try:
            return now - instant(self.get("begun_at")) < GOOD_FOR
        except ValueError:
            return False

    def begin(self, wanted: Mapping[str, Any], now: datetime) -> None:
        """Forgets everything, and begins."""
        with self._together():
            for table in ("run", "subs", "users", "records"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._set(wanted=json.dumps(wanted, sort_keys=True), begun_at=now.isoformat())

    def begin_again(self) -> None:
        """Begins the same run from the start of the list; who was registered is still told of."""
        with self._together():
            self._db.execute("DELETE FROM subs")
            self._db.execute("DELETE FROM users WHERE verdict <> ?", (Verdict.REPAIRED,))
            self._set(place="")

    def end(self) -> None:
        """Removes the file: there is nothing left to go on with."""
        self._db.close()
        self.path.unlink(missing_ok=True)

    def get(self, name: str) -> str:
        """What the run knows by a name; empty where it knows nothing."""
        row = self._db.execute("SELECT value FROM run WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else ""

    # --- users

    def note_missing(self, findings: Sequence[Finding]) -> None:
        """Notes who is missing before anything is written for them: so that it is known what was repaired."""
        with self._together():
            self._note((finding, Verdict.MISSING) for finding in findings)

    def note_page(self, judged: Sequence[tuple[Finding, Verdict]], place: str) -> None:
        """Notes a page of users, with what has become of them, and the place where the list goes on."""
        with self._together():
            self._db.executemany(
                "INSERT OR IGNORE INTO subs VALUES (?)", [(finding.account.sub,) for finding, _ in judged]
            )
            # somebody who was noted as missing by a run that was stopped, and has a record now
            self._db.executemany(
                "UPDATE users SET verdict = ? WHERE sub = ?",
                [(Verdict.REPAIRED, f.account.sub) for f, verdict in judged if verdict is Verdict.REGISTERED],
            )
            self._note((f, verdict) for f, verdict in judged if verdict is not Verdict.REGISTERED)
            self._set(place=place, **({} if place else {"listed": "yes"}))

    def _note(self, judged: Iterable[tuple[Finding, Verdict]]) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO users VALUES (?, ?, ?, ?)",
            [(f.account.sub, f.account.user_id, f.account.status, verdict) for f, verdict in judged],
        )

    @property
    def seen(self) -> int:
        """How many users were looked at."""
        return self._number("SELECT count(*) FROM subs")

    def users(self, *verdicts: str) -> list[tuple[str, str, str, str]]:
        """Users of some verdicts: user name, subject, status and verdict, by user name."""
        marks = ", ".join("?" * len(verdicts))
        return self._db.execute(
            # question marks alone are put in
            f"SELECT username, sub, status, verdict FROM users WHERE verdict IN ({marks}) ORDER BY username",  # noqa: S608
            verdicts,
        ).fetchall()

    def verdicts(self) -> dict[str, int]:
        """How many users there are of each verdict; those who have a record are not among them."""
        return dict(self._db.execute("SELECT verdict, count(*) FROM users GROUP BY verdict"))

    # --- records

    def note_records(self, records: Sequence[tuple[str, str]], cursor: str) -> None:
        """Notes a page of records, by user name and subject: those whose subject was not in the list."""
        with self._together():
            strangers = [
                (username, sub, Orphan.SUSPECTED)
                for username, sub in records
                if not self._number("SELECT count(*) FROM subs WHERE sub = ?", sub)
            ]
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", strangers)
            counted = int(self.get("records") or 0) + len(records)
            self._set(cursor=cursor, records=str(counted), **({} if cursor else {"scanned": "yes"}))

    def note_record(self, username: str, orphan: Orphan | None) -> None:
        """Notes what is known of a record; None when it is somebody's after all."""
        if orphan is None:
            self._db.execute("DELETE FROM records WHERE username = ?", (username,))
        else:
            self._db.execute("UPDATE records SET verdict = ? WHERE username = ?", (orphan, username))

    def records(self, *verdicts: str) -> list[tuple[str, str, str]]:
        """Records of some verdicts: user name, subject and verdict, by user name."""
        marks = ", ".join("?" * len(verdicts))
        return self._db.execute(
            # question marks alone are put in
            f"SELECT username, sub, verdict FROM records WHERE verdict IN ({marks}) ORDER BY username",  # noqa: S608
            verdicts,
        ).fetchall()

    # --- how

    def _set(self, **values: str) -> None:
        self._db.executemany("INSERT OR REPLACE INTO run VALUES (?, ?)", list(values.items()))

    def _number(self, query: str, *values: str) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Everything in it, or nothing."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
