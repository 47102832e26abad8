"""Participants and their answers in SQLite. What was acknowledged is on the disk.

The trials of a participant are stored when they are drawn, and answered in their order. Each call is one
transaction on a connection that belongs to it alone, so that any thread may make it.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from pix2pix.errors import UserError
from pix2pix.evaluation.study.protocol import Study, Trial, draw_trials

FILE = "answers.sqlite"
IDLE_MINUTES = 30  # after which a participant is taken to have left; coming back is possible
_WAIT_SECONDS = 30.0  # for other transactions
_TABLES = """
CREATE TABLE IF NOT EXISTS participants (
    id TEXT PRIMARY KEY, algorithm INTEGER NOT NULL, active_minute INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS trials (
    participant TEXT NOT NULL REFERENCES participants, number INTEGER NOT NULL,
    pictures TEXT NOT NULL, truth INTEGER NOT NULL, answer INTEGER, shown_ms TEXT,
    PRIMARY KEY (participant, number)
) WITHOUT ROWID;
"""
# Those who finished, and those who are at it.
_COUNTED = """
SELECT algorithm, COUNT(*) FROM participants WHERE active_minute > ? OR NOT EXISTS
    (SELECT 1 FROM trials WHERE participant = id AND answer IS NULL) GROUP BY algorithm
"""
_NEXT = "SELECT MIN(number) FROM trials WHERE participant = ? AND answer IS NULL"


class Place(NamedTuple):
    """Where a participant is: the number of the next trial, None at the end; right answers after practice."""

    next: int | None
    right: int


class Answer(NamedTuple):
    """One trial of a participant, as the report reads it; `answer` is None where there is none yet."""

    participant: str
    algorithm: int
    number: int
    truth: int
    answer: int | None
    shown_ms: tuple[float, ...]


class Answers:
    """The participants of one study."""

    def __init__(self, folder: Path, study: Study) -> None:
        self._path, self._study = folder / FILE, study
        try:
            with closing(self._connect()) as connection:
                _use_wal(connection)
                connection.executescript(_TABLES)
        except sqlite3.Error as error:
            raise UserError(f"{self._path} cannot be used for answers: {error}.") from None

    def enrol(self) -> str:
        """Draw the trials of a new participant, of the algorithm with the fewest, and return the id."""
        participant = secrets.token_urlsafe(12)
        with self._transaction() as connection:
            counts = dict(connection.execute(_COUNTED, (_minute() - IDLE_MINUTES,)).fetchall())
            algorithm = min(range(len(self._study.algorithms)), key=lambda a: counts.get(a, 0))
            (number,) = connection.execute("SELECT COUNT(*) FROM participants").fetchone()
            trials = draw_trials(self._study, algorithm, Random(f"{self._study.seed} {number}"))
            connection.execute(
                "INSERT INTO participants VALUES (?, ?, ?)", (participant, algorithm, _minute())
            )
            connection.executemany(
                "INSERT INTO trials (participant, number, pictures, truth) VALUES (?, ?, ?, ?)",
                [(participant, n, " ".join(trial.pictures), trial.truth) for n, trial in enumerate(trials)],
            )
        return participant

    def place(self, participant: str) -> Place | None:
        """Return where a participant is; None for an unknown one."""
        with self._transaction() as connection:
            if not self._touch(connection, participant):
                return None
            (number,) = connection.execute(_NEXT, (participant,)).fetchone()
            (right,) = connection.execute(
                "SELECT COUNT(*) FROM trials WHERE participant = ? AND number >= ? AND answer = truth",
                (participant, self._study.practice),
            ).fetchone()
        return Place(number, right)

    def trial(self, participant: str, number: int) -> Trial | None:
        """Return what a trial shows; None where there is no such trial."""
        with closing(self._connect()) as connection:
            row = connection.execute(
                "SELECT pictures, truth FROM trials WHERE participant = ? AND number = ?",
                (participant, number),
            ).fetchone()
        return Trial(tuple(row[0].split()), row[1]) if row else None

    def record(self, participant: str, number: int, answer: int, shown_ms: Sequence[float]) -> bool | None:
        """Store an answer and return whether it is right; None where the trial is not due.

        The first answer counts: one that is sent again, as its acknowledgement was lost, changes nothing.
        """
        with self._transaction() as connection:
            (due,) = connection.execute(_NEXT, (participant,)).fetchone()
            if number == due:
                connection.execute(
                    "UPDATE trials SET answer = ?, shown_ms = ? WHERE participant = ? AND number = ?",
                    (answer, json.dumps([round(ms, 2) for ms in shown_ms]), participant, number),
                )
                self._touch(connection, participant)
            row = connection.execute(
                "SELECT answer = truth FROM trials WHERE participant = ? AND number = ?",
                (participant, number),
            ).fetchone()
        return None if row is None or row[0] is None else bool(row[0])

    def all(self) -> list[Answer]:
        """Return every trial of every participant, answered or not, in order."""
        with closing(self._connect()) as connection:
            rows = connection.execute(
                "SELECT id, algorithm, number, truth, answer, shown_ms FROM participants "
                "JOIN trials ON participant = id ORDER BY id, number"
            ).fetchall()
        return [Answer._make([*row, tuple(json.loads(ms or "[]"))]) for *row, ms in rows]

    def _touch(self, connection: sqlite3.Connection, participant: str) -> bool:
        """Note that a participant is at it; return whether there is such a one."""
        update = "UPDATE participants SET active_minute = ? WHERE id = ?"
        return connection.execute(update, (_minute(), participant)).rowcount == 1

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_WAIT_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous = FULL")  # of each connection; a commit waits for the disk
        except sqlite3.Error:  # such as a file that is no database
            connection.close()
            raise
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")  # counts stay true until the commit
            yield connection
            connection.execute("COMMIT")


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead log. SQLite does not wait for this lock by itself, whatever its time limit."""
    deadline = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _minute() -> int:
    return int(time.time() // 60)
