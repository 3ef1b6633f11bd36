"""Policies: which schemas, tables, columns and rows a client may see or change, along every path."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from ermrest_eye import ADMIN, NOBODY, USER, Store, foreign_key, read, table

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import policy, url
from satchel.sandbox.ermrest.model import Client, ErmrestError, Model, Schema
from satchel.sandbox.ermrest.rights import Rights

WHEN = "2026-11-21T00:12:47.5+00:00"
CURATOR = Client("c", "c", frozenset({"c", "curators"}))


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    yield connection
    connection.close()


def catalog(db: sqlite3.Connection) -> Model:
    """Groups have members; subjects belong to groups; visits to subjects."""
    model = Model(acls={"owner": ["test1"], "enumerate": ["*"], "select": ["*"]}, schemas={"eye": Schema("S", "eye")})
    tables = model.schemas["eye"].tables
    tables["Group"] = table("Group", ["Name text", "Members text[]"], [["Name"]])
    tables["Subject"] = table("Subject", ["Name text", "Group text", "Secret text", "Owner text"], [["Name"]])
    tables["Visit"] = table("Visit", ["Subject text", "Note text"], [])
    tables["Subject"].foreign_keys = [foreign_key("sg", ["Group"], "Group", ["Name"])]
    tables["Visit"].foreign_keys = [foreign_key("vs", ["Subject"], "Subject", ["RID"])]
    store = Store(db, model)
    system = [WHEN, WHEN, None, None]
    store.insert(tables["Group"], [["1-G0", *system, "ours", '["curators"]'], ["1-G1", *system, "all", '["*"]']])
    store.insert(
        tables["Subject"],
        [
            ["1-S0", *system, "s0", "ours", "x0", "test2"],
            ["1-S1", *system, "s1", "all", "x1", "c"],
            ["1-S2", *system, "s2", None, "x2", "test2"],
        ],
    )
    store.insert(tables["Visit"], [[f"1-V{i}", *system, f"1-S{i % 3}", f"n{i}"] for i in range(6)])
    return model


def rows(db: sqlite3.Connection, model: Model, resource: str, client: Client = USER) -> Any:
    return json.loads(read(db, model, resource, client))


def status(db: sqlite3.Connection, model: Model, resource: str, client: Client = USER) -> int:
    with pytest.raises(ErmrestError) as caught:
        read(db, model, resource, client)
    return caught.value.status


def bind(model: Model, projection: Any, **more: Any) -> None:
    """Only rows that the binding shows are left to those who do not own the catalog."""
    subject = model.schemas["eye"].tables["Subject"]
    subject.acls["select"] = []
    subject.acl_bindings["b"] = {"types": ["select"], "scope_acl": ["*"], "projection": projection, **more}
    policy.check(model, subject, subject.acl_bindings["b"])


GROUP_MEMBERS = [{"outbound": ["eye", "sg"]}, "Members"]


def names(db: sqlite3.Connection, model: Model, client: Client) -> list[str]:
    return [row["Name"] for row in rows(db, model, "attribute/eye:Subject/Name@sort(Name)", client)]


def test_members_of_a_group_along_a_foreign_key(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, GROUP_MEMBERS)
    assert names(db, model, ADMIN) == ["s0", "s1", "s2"]
    assert names(db, model, CURATOR) == ["s0", "s1"]
    assert names(db, model, USER) == ["s1"]
    assert names(db, model, NOBODY) == ["s1"]


def test_a_row_that_names_its_owner(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, "Owner", projection_type="acl")
    assert names(db, model, USER) == ["s0", "s2"]
    assert names(db, model, CURATOR) == ["s1"]


def test_filters_contexts_and_inbound_links_of_a_projection(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(
        model,
        [
            {"inbound": ["eye", "vs"], "alias": "v"},
            {
                "or": [
                    {"filter": ["base", "Name"], "operand": "s0"},
                    {"filter": "Note", "operator": "regexp", "operand": "5"},
                ]
            },
            {"context": "base", "outbound": ["eye", "sg"]},
            {"filter": ["v", "Note"], "operator": "null", "negate": True},
            "RID",
        ],
        projection_type="nonnull",
    )
    # s2's visit n5 matches, but s2 has no group to go on to.
    assert names(db, model, USER) == ["s0"]


def test_hidden_rows_are_hidden_wherever_they_occur(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, GROUP_MEMBERS)
    assert rows(db, model, "aggregate/eye:Visit/eye:Subject/n:=cnt(*)") == [{"n": 2}]
    assert rows(db, model, "attribute/eye:Subject/eye:Visit/Note@sort(Note)") == [{"Note": "n1"}, {"Note": "n4"}]
    assert rows(db, model, "attribute/eye:Visit/S:=eye:Subject/$S/eye:Group/Name") == [{"Name": "all"}]
    left = "attributegroup/V:=eye:Visit/S:=left(Subject)=(eye:Subject:RID)/V:Note,n:=S:Name@sort(Note)"
    assert [row["n"] for row in rows(db, model, left)] == [None, "s1", None, None, "s1", None]
    full = "attributegroup/V:=eye:Visit/S:=full(Subject)=(eye:Subject:RID)/V:Note,n:=S:Name@sort(Note)"
    assert [row["n"] for row in rows(db, model, full)] == [None, "s1", None, None, "s1", None]
    assert rows(db, model, "attribute/eye:Visit/Note=n0/Subject") == [{"Subject": "1-S0"}]
    assert rows(db, model, "aggregate/eye:Subject/Name=s0/n:=cnt(*)") == [{"n": 0}]


def test_who_is_out_of_scope_is_refused(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, GROUP_MEMBERS, scope_acl=["curators"])
    assert names(db, model, CURATOR) == ["s0", "s1"]
    assert status(db, model, "entity/eye:Subject", USER) == 403
    assert status(db, model, "entity/eye:Subject", NOBODY) == 401
    # The link cannot be seen, as its columns there cannot.
    assert status(db, model, "entity/eye:Visit/eye:Subject", USER) == 409


def test_a_column_with_a_policy_of_its_own(db: sqlite3.Connection) -> None:
    model = catalog(db)
    subject = model.schemas["eye"].tables["Subject"]
    secret = subject.column("Secret")
    assert secret is not None
    secret.acls["select"] = []
    assert status(db, model, "entity/eye:Subject") == 403
    assert status(db, model, "attribute/eye:Subject/Secret=x0/Name") == 403
    assert rows(db, model, "aggregate/eye:Subject/n:=cnt(*)") == [{"n": 3}]
    secret.acl_bindings["mine"] = {
        "types": ["select"],
        "scope_acl": ["*"],
        "projection": "Owner",
        "projection_type": "acl",
    }
    found = rows(db, model, "attribute/eye:Subject/Name,Secret@sort(Name)")
    assert [row["Secret"] for row in found] == ["x0", None, "x2"]
    assert rows(db, model, "attribute/eye:Subject/Secret=x1/Name") == []
    assert rows(db, model, "aggregate/eye:Subject/n:=cnt(Secret),m:=min(Secret)") == [{"n": 2, "m": "x0"}]
    assert rows(db, model, "entity/eye:Subject@sort(Secret)@after(x0)")[0]["Name"] == "s2"
    secret.acls["enumerate"] = []
    secret.acl_bindings.clear()
    assert "Secret" not in rows(db, model, "entity/eye:Subject")[0]
    assert status(db, model, "attribute/eye:Subject/Secret") == 409


def test_a_column_may_suppress_its_tables_binding(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, GROUP_MEMBERS)
    subject = model.schemas["eye"].tables["Subject"]
    secret = subject.column("Secret")
    assert secret is not None
    assert rows(db, model, "attribute/eye:Subject/Secret") == [{"Secret": "x1"}]
    secret.acl_bindings["b"] = False
    assert status(db, model, "attribute/eye:Subject/Secret") == 403


def test_a_binding_whose_ground_is_gone_shows_nothing(db: sqlite3.Connection) -> None:
    model = catalog(db)
    bind(model, GROUP_MEMBERS)
    model.schemas["eye"].tables["Subject"].foreign_keys.clear()
    assert names(db, model, CURATOR) == []


@pytest.mark.parametrize(
    "projection",
    [
        "Nope",
        [{"outbound": ["eye", "nope"]}, "RID"],
        [{"filter": "Nope", "operand": 1}, "RID"],
        [],
        5,
        [{"x": 1}, "RID"],
        [{"context": "v", "inbound": ["eye", "vs"]}, "RID"],
        [{"and": []}, "RID"],
        ["RID", "RID"],
        [{"inbound": 5}, "RID"],
    ],
)
def test_bindings_that_do_not_fit_are_refused(db: sqlite3.Connection, projection: Any) -> None:
    with pytest.raises(ErmrestError) as caught:
        bind(catalog(db), projection)
    assert caught.value.status in (400, 409)


def test_hidden_schemas_and_tables_do_not_exist(db: sqlite3.Connection) -> None:
    model = catalog(db)
    schema = model.schemas["eye"]
    schema.tables["Group"].acls.update({"select": [], "enumerate": []})
    assert status(db, model, "entity/eye:Group") == 409
    assert status(db, model, "entity/Group") == 409
    assert status(db, model, "entity/eye:Subject/eye:Group") == 409
    assert status(db, model, "entity/eye:Subject/(Group)") == 409
    assert len(rows(db, model, "entity/eye:Group", ADMIN)) == 2
    schema.acls["enumerate"] = []
    schema.acls["select"] = []
    assert status(db, model, "entity/eye:Visit") == 409
    assert len(rows(db, model, "entity/eye:Visit", ADMIN)) == 6


def test_static_rights_inherit_and_imply(db: sqlite3.Connection) -> None:
    model = catalog(db)
    tables = model.schemas["eye"].tables
    model.acls["insert"] = ["curators"]
    tables["Visit"].acls["write"] = ["curators"]
    tables["Group"].acls["insert"] = []
    rights = Rights(model, CURATOR)
    assert rights.table(tables["Subject"], "insert") is True
    assert rights.table(tables["Group"], "insert") is False
    assert rights.table(tables["Visit"], "delete") is True
    assert rights.table(tables["Subject"], "delete") is False
    assert rights.catalog("owner") is False
    rid = tables["Visit"].column("RID")
    assert rid is not None
    assert rights.column(tables["Visit"], rid, "update") is False
    assert rights.foreign_key(tables["Visit"], tables["Visit"].foreign_keys[0], "insert") is True
    model.acls["insert"] = ["*"]
    assert Rights(model, NOBODY).table(tables["Subject"], "insert") is False
    assert Rights(model, ADMIN).table(tables["Group"], "delete") is True


def test_deleting_asks_every_row(db: sqlite3.Connection) -> None:
    model = catalog(db)
    subject = model.schemas["eye"].tables["Subject"]
    query = url.parse("entity", "eye:Subject/Name=any(s0,s1)", "")
    with pytest.raises(ErmrestError) as caught:
        compiler.targets(query, model, USER)
    assert caught.value.status == 403
    subject.acl_bindings["mine"] = {
        "types": ["delete"],
        "scope_acl": ["*"],
        "projection": "Owner",
        "projection_type": "acl",
    }
    targets = compiler.targets(query, model, USER)
    assert targets.forbidden is not None
    assert len(db.execute(targets.sql, targets.params).fetchall()) == 2
    assert db.execute(targets.forbidden, targets.params).fetchone() is not None
    targets = compiler.targets(url.parse("entity", "eye:Subject/Name=any(s0,s2)", ""), model, USER)
    assert targets.forbidden is not None
    assert db.execute(targets.forbidden, targets.params).fetchone() is None
