"""[B8] Somebody with the database's file: whatever they change, put back, add or delete is noticed before a key is used."""

import shutil
import sqlite3
import subprocess

import pytest

from cardea_stack import FACTORY_PIN
from faultlib import connect_patiently
from pcsc import verify_command
from processes import wait_until

NOT_LOGGED = {"change_log", "checkpoints", "probe"}


@pytest.fixture(scope="module")
def card(stack):
    return stack.new_card("piv-yubikey5")


def verify(stack):
    """`cardea audit verify`: (exit status, sentences)."""
    done = subprocess.run([stack.bin / "cardea", "--socket", stack.data / "admin.sock", "audit", "verify"],
                          capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def database(stack):
    db = sqlite3.connect(stack.data / "cardea.db", isolation_level=None, timeout=30)
    db.execute("PRAGMA ignore_check_constraints = ON")
    return db


def schema(db):
    """table -> [(column, part of the key)]"""
    names = [row[0] for row in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")]
    return {name: [(c[1], c[5] > 0) for c in db.execute(f"PRAGMA table_info({name})")] for name in names if name not in NOT_LOGGED}


def other(value):
    if value is None:
        return b"\x01" * 32
    if isinstance(value, int):
        return value + 1_000_000
    return value + ("~" if isinstance(value, str) else b"\x00")


def insert(db, table, row):
    db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)


def delete(db, table, columns, row):
    where = " AND ".join(f'"{name}" IS ?' for name, _ in columns)
    db.execute(f"DELETE FROM {table} WHERE {where}", row)


def damaged(table, columns, rows):
    """(what, row to take away, row to put there) for every way to spoil the first row."""
    first = rows[0]
    for i, (name, _) in enumerate(columns):
        value = other(first[i])
        if first[i] is None and name not in ("public_key", "escrow_key"):
            value = "x" if name in ("holder", "person", "card") else 1
        yield f"{table}.{name} changed", first, first[:i] + (value,) + first[i + 1:]
    yield f"{table}: row deleted", first, None
    double = tuple(other(v) if key else v for v, (_, key) in zip(first, columns))
    yield f"{table}: row doubled", None, double


def test_every_column_of_every_table(stack, card):
    """[B8] Changed values, deleted rows and doubled rows are all found and named; put right, all is good again."""
    stack.cli("user", "create", "--org", stack.organisation, "--name", "Ann", "--email", "ann@example.org")
    stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")
    assert verify(stack) == (0, "")
    db = database(stack)
    db.execute("PRAGMA foreign_keys = OFF")
    cases = refused = 0
    filled = set()
    for table, columns in schema(db).items():
        rows = db.execute(f"SELECT * FROM {table} LIMIT 2").fetchall()
        if not rows or table in ("audit", "key_pool"):  # triggers guard the one, the server works on the other
            continue
        filled.add(table)
        for what, away, there in damaged(table, columns, rows):
            db.execute("BEGIN IMMEDIATE")
            try:
                if away:
                    delete(db, table, columns, away)
                if there:
                    insert(db, table, there)
            except sqlite3.Error:  # a type or a unique index stands in the way: nothing was changed
                db.execute("ROLLBACK")
                continue
            db.execute("COMMIT")
            status, text = verify(stack)
            assert status == 1 and f"table {table}, row " in text, f"{what}: exit status {status}: {text}"
            cases += 1
            db.execute("BEGIN IMMEDIATE")
            if there:
                delete(db, table, columns, there)
            if away:
                insert(db, table, away)
            db.execute("COMMIT")
    db.close()
    assert verify(stack) == (0, "")
    print(f"{cases} cases in {sorted(filled)}")
    assert cases > 50 and {"cards", "records", "pins", "devices", "organisations", "people", "card_secrets"} <= filled


def test_a_card_with_an_older_record_is_frozen(stack, card):
    """[B8] Put back behind the server's back: the card is refused, frozen, and stays so until an administrator thaws it."""
    connection = connect_patiently()
    assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
    connection.close()
    card.eject()
    db = database(stack)
    spent = db.execute("SELECT * FROM pins ORDER BY card, ref LIMIT 1").fetchone()
    db.execute("UPDATE pins SET spent = spent - 1, forgiven = forgiven - 1 WHERE spent > 0")
    with pytest.raises(AssertionError):
        card.insert()
    stack.agent_cli("eject", card.id, check=False)
    wait_until(lambda: stack.cli("card", "show", card.id)["frozen"], 20, "the card is shown as frozen")
    assert "integrity.alarm" in {line["action"] for line in stack.cli("audit", "list", "--card", card.id)}
    assert stack.cli("card", "thaw", card.id, check=False) is None  # still wrong
    assert "table pins" in verify(stack)[1]
    names = [c[1] for c in db.execute("PRAGMA table_info(pins)")]
    db.execute("UPDATE pins SET spent = ?, forgiven = ? WHERE card = ? AND ref = ?",
               tuple(spent[names.index(n)] for n in ("spent", "forgiven", "card", "ref")))
    db.close()
    with pytest.raises(AssertionError):
        card.insert()
    stack.agent_cli("eject", card.id, check=False)
    stack.cli("card", "thaw", card.id)
    card.insert()


def test_killed_log_verifies(stack, card):
    """[B8] [F3] kill -9 leaves a log that verifies."""
    for _ in range(5):
        stack.cli("card", "create", "--org", stack.organisation, "--profile", "piv-nist")
        stack.server.kill()
        stack.start_server()
        assert verify(stack) == (0, "")


def test_receipt(stack, tmp_path):
    """[F3] A line of the audit log is proved off line; a changed receipt is refused."""
    line = stack.cli("audit", "list", "--limit", "1")[0]
    (tmp_path / "key").write_text(stack.cli("audit", "key")["key"] + "\n", encoding="utf-8")
    text = stack.cli("audit", "receipt", str(line["number"]))["receipt"]
    (tmp_path / "receipt").write_text(text, encoding="utf-8")
    check = [stack.bin / "cardea", "--socket", "/nowhere", "audit", "check-receipt", tmp_path / "receipt", "--key", tmp_path / "key"]
    assert subprocess.run(check, capture_output=True, text=True, check=False).returncode == 0
    (tmp_path / "receipt").write_text(text.replace("leaf ", "leaf 1", 1), encoding="utf-8")
    assert subprocess.run(check, capture_output=True, text=True, check=False).returncode == 1


def test_whole_database_put_back(stack):
    """[B8] Yesterday's database, all of it: refused at the start, whatever fits together in it."""
    fresh = stack.new_card("piv-nist", insert=False)
    stack.server.stop()
    yesterday = stack.directory / "yesterday.db"
    shutil.copy(stack.data / "cardea.db", yesterday)
    stack.start_server()
    stack.cli("card", "create", "--org", stack.organisation, "--profile", "piv-nist")
    stack.server.stop()
    for end in ("-wal", "-shm"):
        (stack.data / f"cardea.db{end}").unlink(missing_ok=True)
    shutil.copy(yesterday, stack.data / "cardea.db")
    stack.start_server()
    assert "integrity.refused" in stack.server.text()
    with pytest.raises(AssertionError):
        fresh.insert()
