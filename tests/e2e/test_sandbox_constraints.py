"""Keys, foreign keys with all their actions, not null, and every type: held, and refused in ERMrest's words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox_client import Peer, column, refer, table
from sandbox_process import SandboxProcess


@pytest.fixture(scope="module")
def admin(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox) as peer:
        yield peer


def family(peer: Peer, on_delete: str, on_update: str, *, need: bool = False) -> str:
    """Parents (P), children (C), grandchildren (G, always CASCADE): P a and b; C 1 and 2 of a, 3 of b; G of 1."""
    actions: dict[str, Any] = {"on_delete": on_delete, "on_update": on_update}
    cascade: dict[str, Any] = {"on_delete": "CASCADE", "on_update": "CASCADE"}
    catalog = peer.new_catalog(
        table("P", column("Name", need=True), keys=[["Name"]]),
        table("C", column("N", "int4", need=True), column("P", default="b", need=need), keys=[["N"]],
              references=[refer("P", "s:P", "Name", names=[["s", "C_P_fkey"]], **actions)]),
        table("G", column("C", "int4"), references=[refer("C", "s:C", "N", **cascade)]),
    )  # fmt: skip
    peer.ask("POST", f"{catalog}/entity/s:P", [{"Name": "a"}, {"Name": "b"}])
    peer.ask("POST", f"{catalog}/entity/s:C", [{"N": 1, "P": "a"}, {"N": 2, "P": "a"}, {"N": 3, "P": "b"}])
    peer.ask("POST", f"{catalog}/entity/s:G", [{"C": 1}])
    return catalog


def children(peer: Peer, catalog: str) -> dict[int, str | None]:
    return {row["N"]: row["P"] for row in peer.get(f"{catalog}/entity/s:C@sort(N)")}


BEFORE = {1: "a", 2: "a", 3: "b"}


@pytest.mark.parametrize(
    ("action", "after", "grandchildren"),
    [
        ("NO ACTION", None, 1),
        ("RESTRICT", None, 1),
        ("CASCADE", {3: "b"}, 0),
        ("SET NULL", {1: None, 2: None, 3: "b"}, 1),
        ("SET DEFAULT", {1: "b", 2: "b", 3: "b"}, 1),
    ],
)
def test_what_happens_to_children_when_a_parent_goes(
    admin: Peer, action: str, after: dict[int, str | None] | None, grandchildren: int
) -> None:
    catalog = family(admin, action, "NO ACTION")
    then = admin.snapshot(catalog)
    answer = admin.send("DELETE", f"{catalog}/entity/s:P/Name=a")
    if after is None:
        assert answer.status_code == 409
        assert answer.text == (
            'Request conflicts with state of server. Detail: update or delete on table "P" violates foreign key '
            'constraint "C_P_fkey" on table "C"\nDETAIL:  Key (Name)=(a) is still referenced from table "C".\n\n'
        )
    else:
        assert answer.status_code == 204
    assert children(admin, catalog) == (BEFORE if after is None else after)
    assert len(admin.get(f"{catalog}/entity/s:G")) == grandchildren
    assert children(admin, then) == BEFORE
    assert len(admin.get(f"{then}/entity/s:G")) == 1


@pytest.mark.parametrize(
    ("action", "after"),
    [
        ("NO ACTION", None),
        ("RESTRICT", None),
        ("CASCADE", {1: "z", 2: "z", 3: "b"}),
        ("SET NULL", {1: None, 2: None, 3: "b"}),
        ("SET DEFAULT", {1: "b", 2: "b", 3: "b"}),
    ],
)
def test_what_happens_to_children_when_a_parents_key_changes(
    admin: Peer, action: str, after: dict[int, str | None] | None
) -> None:
    catalog = family(admin, "NO ACTION", action)
    then = admin.snapshot(catalog)
    answer = admin.send("PUT", f"{catalog}/attributegroup/s:P/o:=Name;n:=Name", [{"o": "a", "n": "z"}])
    assert answer.status_code == (409 if after is None else 200), answer.text
    assert children(admin, catalog) == (BEFORE if after is None else after)
    names = [row["Name"] for row in admin.get(f"{catalog}/entity/s:P@sort(Name)")]
    assert names == (["a", "b"] if after is None else ["b", "z"])
    assert children(admin, then) == BEFORE


def test_an_action_that_breaks_another_constraint_is_refused(admin: Peer) -> None:
    catalog = family(admin, "SET NULL", "CASCADE", need=True)
    answer = admin.send("DELETE", f"{catalog}/entity/s:P/Name=a")
    assert answer.status_code == 409
    assert "violates not-null constraint" in answer.text
    assert children(admin, catalog) == BEFORE
    # A default that is no parent.
    catalog = family(admin, "SET DEFAULT", "CASCADE")
    answer = admin.send("DELETE", f"{catalog}/entity/s:P/Name=b")
    assert answer.status_code == 409
    assert children(admin, catalog) == BEFORE


def test_a_row_may_refer_to_itself_and_to_rows_of_its_own_batch(admin: Peer) -> None:
    catalog = admin.new_catalog(
        table("T", column("N", "int4", need=True), column("Up", "int4"), keys=[["N"]],
              references=[refer("Up", "s:T", "N", on_delete="CASCADE", on_update="CASCADE")])
    )  # fmt: skip
    admin.ask("POST", f"{catalog}/entity/s:T", [{"N": 1, "Up": 1}, {"N": 2, "Up": 3}, {"N": 3, "Up": 1}, {"N": 4}])
    assert admin.send("POST", f"{catalog}/entity/s:T", [{"N": 5, "Up": 6}]).status_code == 409
    admin.ask("PUT", f"{catalog}/attributegroup/s:T/o:=N;N", [{"o": 1, "N": 10}])
    assert {r["N"]: r["Up"] for r in admin.get(f"{catalog}/entity/s:T")} == {10: 10, 2: 3, 3: 10, 4: None}
    admin.ask("DELETE", f"{catalog}/entity/s:T/N=10")
    assert [r["N"] for r in admin.get(f"{catalog}/entity/s:T")] == [4]


def test_a_batch_may_swap_values_of_a_key(admin: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("N", "int4", need=True), column("Name"), keys=[["Name"]]))
    made = admin.ask("POST", f"{catalog}/entity/s:T", [{"N": 1, "Name": "a"}, {"N": 2, "Name": "b"}])
    rows = [{"RID": made[0]["RID"], "Name": "b2"}, {"RID": made[1]["RID"], "Name": "a"}]
    admin.ask("PUT", f"{catalog}/attributegroup/s:T/RID;Name", rows)
    assert {r["N"]: r["Name"] for r in admin.get(f"{catalog}/entity/s:T")} == {1: "b2", 2: "a"}


def test_nulls_in_keys_are_not_equal(admin: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("A"), column("B"), keys=[["A", "B"]]))
    admin.ask("POST", f"{catalog}/entity/s:T", [{"A": "x"}, {"A": "x"}, {"A": "x", "B": "y"}])
    answer = admin.send("POST", f"{catalog}/entity/s:T", [{"A": "x", "B": "y"}])
    assert answer.status_code == 409
    assert 'duplicate key value violates unique constraint "T_A_B_key"' in answer.text
    # The same key twice in one request is the client's mistake.
    twice = [{"A": "q", "B": "q"}, {"A": "q", "B": "q"}]
    for method in ("POST", "PUT"):
        answer = admin.send(method, f"{catalog}/entity/s:T", twice)
        assert (answer.status_code, answer.text) == (
            400,
            "Request malformed. Detail: Multiple input rows share the same unique key information.\n",
        )


def test_a_composite_reference_with_a_null_refers_to_nothing(admin: Peer) -> None:
    catalog = admin.new_catalog(
        table("R", column("H"), column("N", "int4"), keys=[["H", "N"]]),
        table("V", column("H"), column("N", "int4"), references=[refer(["H", "N"], "s:R", ["H", "N"])]),
    )
    admin.ask("POST", f"{catalog}/entity/s:R", [{"H": "a", "N": 1}])
    admin.ask("POST", f"{catalog}/entity/s:V", [{"H": "a", "N": 1}, {"H": "zzz"}, {"N": 9}, {}])
    answer = admin.send("POST", f"{catalog}/entity/s:V", [{"H": "a", "N": 2}])
    assert answer.status_code == 409
    assert 'DETAIL:  Key (H, N)=(a, 2) is not present in table "R".' in answer.text


VALUES: list[tuple[str, Any, Any]] = [
    ("text", 'a\n"b",\' \\ 山', ...),
    ("text", "", ...),
    ("markdown", "**x**", ...),
    ("longtext", "long", ...),
    ("int2", -32768, ...),
    ("int4", 2147483647, ...),
    ("int8", 9223372036854775807, ...),
    ("int8", "12", 12),
    ("float4", 0.1, ...),
    ("float8", 1e-300, ...),
    ("float8", "-Infinity", ...),
    ("float4", 3.4e38, ...),
    ("numeric", 0, ...),
    ("boolean", True, ...),
    ("boolean", "no", False),
    ("date", "2024-02-29", ...),
    ("timestamp", "2024-02-29T23:59:59.5", ...),
    ("timestamptz", "2024-02-29T23:59:59.123456+00:00", ...),
    ("timestamptz", "2024-03-01 01:00:00+02:00", "2024-02-29T23:00:00+00:00"),
    ("json", {"b": [1, None, "x"], "a": {}}, ...),
    ("jsonb", {"b": [1, None, "x"], "a": {}}, ...),
    ("jsonb", [], ...),
    ("text[]", ["a", None, "", "b,c"], ...),
    ("int4[]", [1, None, -3], ...),
    ("float8[]", [0.5, None], ...),
    ("boolean[]", [True, False], ...),
    ("date[]", ["2024-01-01"], ...),
    ("timestamptz[]", ["2024-01-01T00:00:00+00:00"], ...),
    ("text[]", [], ...),
    ("color_rgb_hex", "#00ff88", ...),
    ("ermrest_uri", "/id/1", ...),
]


@pytest.mark.parametrize(("kind", "value", "back"), VALUES)
def test_types_keep_their_values(admin: Peer, kind: str, value: Any, back: Any) -> None:
    catalog = admin.new_catalog(table("T", column("V", kind)))
    (made,) = admin.ask("POST", f"{catalog}/entity/s:T", [{"V": value}])
    wanted = value if back is ... else back
    assert made["V"] == wanted
    assert admin.get(f"{catalog}/entity/s:T")[0]["V"] == wanted
    # What CSV says goes in again as it came out.
    text = admin.send("GET", f"{catalog}/attribute/s:T/V", headers={"Accept": "text/csv"}).content
    admin.ask("POST", f"{catalog}/entity/s:T", text, headers={"Content-Type": "text/csv"})
    rows = admin.get(f"{catalog}/entity/s:T")
    assert [row["V"] for row in rows] == [wanted, wanted]
    null = admin.ask("POST", f"{catalog}/entity/s:T", [{"V": None}])
    assert null[0]["V"] is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int2", 32768),
        ("int4", 2147483648),
        ("int4", "x"),
        ("int4", 1.5),
        ("int8", 9223372036854775808),
        ("int4", 1.0),
        ("int8", 1e30),
        ("float8", "x"),
        ("float8", 10**400),
        ("float4", 1e39),
        ("text", "\ud800"),
        ("text", "a\0b"),
        ("numeric", "x"),
        ("boolean", "maybe"),
        ("date", "2023-02-29"),
        ("timestamp", "yesterday?"),
        ("timestamptz", "2024-13-01"),
        ("int4[]", ["x"]),
        ("int4[]", "x"),
    ],
)
def test_types_refuse_what_is_none_of_theirs(admin: Peer, kind: str, value: Any) -> None:
    catalog = admin.new_catalog(table("T", column("V", kind)))
    answer = admin.send("POST", f"{catalog}/entity/s:T", [{"V": value}])
    assert answer.status_code == 400, answer.text
    assert answer.text.startswith("Request malformed. Detail: ")
    assert admin.get(f"{catalog}/entity/s:T") == []


def test_what_the_sandbox_does_not_keep_it_says(admin: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("V", "float8")))
    assert admin.send("POST", f"{catalog}/entity/s:T", [{"V": "NaN"}]).status_code == 501
    headers = {"Content-Type": "application/json"}
    assert admin.send("POST", f"{catalog}/entity/s:T", b'[{"V": NaN}]', headers=headers).status_code == 400
    assert admin.get(f"{catalog}/entity/s:T") == []


def test_unknown_types_are_refused(admin: Peer) -> None:
    catalog = admin.new_catalog()
    answer = admin.send("POST", f"{catalog}/schema/s/table", table("T", column("V", "float16")))
    assert answer.status_code == 409
    assert 'Unsupported type "float16"' in answer.text


def test_a_table_without_a_key_of_its_clients_own_takes_no_put(admin: Peer) -> None:
    catalog = admin.new_catalog(
        table("Plain", column("N", "int4")), table("Odd", column("N", "int4"), keys=[["RID", "N"]])
    )
    (made,) = admin.ask("POST", f"{catalog}/entity/s:Plain", [{"N": 1}])
    for name, status in (("Plain", 409), ("Odd", 200)):
        answer = admin.send("PUT", f"{catalog}/entity/s:{name}", [{"RID": made["RID"], "N": 2}])
        assert (name, answer.status_code) == (name, status)
        if status == 409:
            assert answer.text == (
                "Request conflicts with state of server. Detail: Entity PUT requires at least one client-managed key "
                "for input correlation.\n"
            )
    assert admin.get(f"{catalog}/entity/s:Plain") == [made]


def test_null_is_no_acl(admin: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("N", "int4"), acls={"select": None, "insert": ["a"]}))
    place = f"{catalog}/schema/s/table/T"
    assert admin.get(f"{place}/acl") == {"insert": ["a"]}
    admin.ask("PUT", f"{place}/acl", {"select": ["b"], "insert": None})
    assert admin.get(f"{place}/acl") == {"select": ["b"]}
    admin.ask("PUT", f"{place}/acl/select", b"null")
    assert admin.get(f"{place}/acl") == {}
    # The model can still be changed.
    admin.ask("PUT", f"{place}/comment", b"still here")
    assert admin.send("GET", f"{place}/comment").text == "still here\n"


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"table_name": "U", "column_definitions": [5]}, "column_definitions[0]"),
        ({"table_name": "U", "column_definitions": [column("A")], "keys": [{"unique_columns": "A"}]}, "unique_columns"),
        ({"table_name": "U", "annotations": [1]}, "annotations"),
        ({"table_name": "U", "column_definitions": [{**column("A"), "type": None}]}, "type"),
    ],
)
def test_documents_of_another_form_are_refused_with_the_place(admin: Peer, document: Any, place: str) -> None:
    catalog = admin.new_catalog()
    answer = admin.send("POST", f"{catalog}/schema/s/table", document)
    assert answer.status_code == 400
    assert place in answer.text
    assert admin.get(f"{catalog}/schema/s")["tables"] == {}


def test_a_column_that_a_row_does_not_name_is_null_and_not_its_default(admin: Peer) -> None:
    catalog = admin.new_catalog(
        table(
            "T",
            column("N", "int4"),
            column("Unit", default="kg"),
            column("Serial", "serial4"),
            column("List", "text[]"),
        )
    )
    admin.ask("POST", f"{catalog}/entity/s:T", [{"N": 1}, {"N": 2, "Unit": "g"}])
    admin.ask("POST", f"{catalog}/entity/s:T?defaults=Unit,Serial", [{"N": 3}, {"N": 4, "Unit": "g", "Serial": 70}])
    admin.ask("POST", f"{catalog}/entity/s:T?defaults=Serial", [{"N": 5, "Unit": None}])
    assert [(r["N"], r["Unit"], r["Serial"], r["List"]) for r in admin.get(f"{catalog}/entity/s:T@sort(N)")] == [
        (1, None, None, []),
        (2, "g", None, []),
        (3, "kg", 1, []),
        (4, "kg", 2, []),
        (5, None, 3, []),
    ]
