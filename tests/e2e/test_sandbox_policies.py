"""What a user may not see is absent: from rows, counts, groups, joins, look-ups and snapshots alike."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox_client import Peer, column, refer, table
from sandbox_process import SandboxProcess

SELECT = {"types": ["select"], "scope_acl": ["*"]}


@pytest.fixture(scope="module")
def admin(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox) as peer:
        yield peer


@pytest.fixture(scope="module")
def user(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox, "user") as peer:
        yield peer


@pytest.fixture(scope="module")
def nobody(empty_sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(empty_sandbox, None) as peer:
        yield peer


KINDS: dict[str, tuple[dict[str, Any], set[int]]] = {
    "a column that names the client": ({"projection": "Owner", "projection_type": "acl"}, {1, 2}),
    "the same, as a text column is taken": ({"projection": ["Owner"]}, {1, 2}),
    "a group of the client": ({"projection": "Group", "projection_type": "acl"}, {2, 3}),
    "a list of names": ({"projection": "Readers", "projection_type": "acl"}, {3, 4}),
    "a value that is there": ({"projection": "Released", "projection_type": "nonnull"}, {1, 4, 5}),
    "a filter": ({"projection": [{"filter": "Level", "operator": "lt", "operand": 3}, "RID"],
                  "projection_type": "nonnull"}, {1, 2}),
    "a filter, negated": ({"projection": [{"filter": "Level", "operator": "lt", "operand": 3, "negate": True}, "RID"],
                           "projection_type": "nonnull"}, {3, 4, 5}),
    "filters, one or the other": ({"projection": [{"or": [{"filter": "Level", "operand": 1},
                                                          {"and": [{"filter": "Level", "operator": "geq", "operand": 4},
                                                                   {"filter": "Owner", "operator": "null"}]}]}, "RID"],
                                   "projection_type": "nonnull"}, {1, 5}),
    "a hop": ({"projection": [{"outbound": ["s", "T_Study_fkey"]}, "Owner"], "projection_type": "acl"}, {1, 2, 3}),
    "two hops": ({"projection": [{"outbound": ["s", "T_Study_fkey"]}, {"outbound": ["s", "Study_Lab_fkey"]}, "Readers"],
                  "projection_type": "acl"}, {1, 2, 3, 4}),
    "a hop back": ({"projection": [{"inbound": ["s", "Grant_T_fkey"]}, "Who"], "projection_type": "acl"}, {2, 5}),
    "a hop and a filter there": ({"projection": [{"inbound": ["s", "Grant_T_fkey"], "alias": "g"},
                                                 {"filter": ["g", "Who"], "operand": "user"}, "RID"],
                                  "projection_type": "nonnull"}, {2, 5}),
    "there and back": ({"projection": [{"outbound": ["s", "T_Study_fkey"]}, {"filter": "Open", "operand": True},
                                       {"inbound": ["s", "T_Study_fkey"]}, {"filter": "Level", "operand": 4}, "RID"],
                        "projection_type": "nonnull"}, {4}),
    "who is out of the binding's scope": ({"projection": "Owner", "projection_type": "acl", "scope_acl": ["admin"]},
                                          set()),
    "nobody": ({"projection": [{"filter": "Level", "operand": 99}, "RID"], "projection_type": "nonnull"}, set()),
}  # fmt: skip


@pytest.fixture(scope="module")
def catalog(admin: Peer) -> str:
    """T 1 to 5, of studies a (of the user's, in an open lab), b (in the lab as well, itself open) and c."""
    path = admin.new_catalog(
        table("Lab", column("Name"), column("Readers", "text[]"), keys=[["Name"]]),
        table("Study", column("Name"), column("Owner"), column("Open", "boolean"), column("Lab"), keys=[["Name"]],
              references=[refer("Lab", "s:Lab", "Name", names=[["s", "Study_Lab_fkey"]])]),
        table("T", column("N", "int4", need=True), column("Level", "int4"), column("Owner"), column("Group"),
              column("Readers", "text[]"), column("Released", "date"), column("Study"), keys=[["N"]],
              references=[refer("Study", "s:Study", "Name", names=[["s", "T_Study_fkey"]])]),
        table("Grant", column("N", "int4"), column("Who"),
              references=[refer("N", "s:T", "N", names=[["s", "Grant_T_fkey"]])]),
        table("Note", column("N", "int4"), column("Text"),
              references=[refer("N", "s:T", "N", names=[["s", "Note_T_fkey"]])]),
    )  # fmt: skip
    admin.ask("POST", f"{path}/entity/s:Lab", [{"Name": "x", "Readers": ["staff", "other"]}, {"Name": "y"}])
    admin.ask("POST", f"{path}/entity/s:Study", [
        {"Name": "a", "Owner": "user", "Open": False, "Lab": "x"}, {"Name": "b", "Open": True, "Lab": "x"},
        {"Name": "c", "Open": False, "Lab": "y"}])  # fmt: skip
    admin.ask("POST", f"{path}/entity/s:T", [
        {"N": 1, "Level": 1, "Owner": "user", "Released": "2024-01-01", "Study": "a"},
        {"N": 2, "Level": 2, "Owner": "user", "Group": "staff", "Study": "a"},
        {"N": 3, "Level": 3, "Owner": "admin", "Group": "staff", "Readers": ["user"], "Study": "a"},
        {"N": 4, "Level": 4, "Owner": "admin", "Readers": ["x", "staff"], "Released": "2024-01-01", "Study": "b"},
        {"N": 5, "Level": 5, "Group": "board", "Readers": [], "Released": "2024-01-01", "Study": "c"}])  # fmt: skip
    admin.ask(
        "POST", f"{path}/entity/s:Grant", [{"N": 2, "Who": "user"}, {"N": 5, "Who": "user"}, {"N": 1, "Who": "x"}]
    )
    admin.ask("POST", f"{path}/entity/s:Note", [{"N": n, "Text": f"on {n}"} for n in (1, 1, 2, 3, 4, 5, 5)])
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_absent_everywhere(admin: Peer, user: Peer, catalog: str, kind: str) -> None:
    binding, shown = KINDS[kind]
    of = f"{catalog}/schema/s/table/T"
    everything = admin.get(f"{catalog}/entity/s:T@sort(N)")
    admin.ask("PUT", f"{of}/acl/select", [])
    admin.ask("PUT", f"{of}/acl_binding/b", {**SELECT, **binding})
    try:
        within = admin.snapshot(catalog)
        assert len(admin.get(f"{catalog}/entity/s:T")) == 5
        if kind == "who is out of the binding's scope":
            answer = user.send("GET", f"{catalog}/entity/s:T")
            assert (answer.status_code, answer.text) == (403, "Access forbidden. Detail: select access on :s:T\n")
            assert user.send("GET", f"{catalog}/aggregate/s:T/n:=cnt(*)").status_code == 403
            assert user.send("GET", f"{catalog}/entity/s:Note/(N)=(s:T:N)").status_code == 403
            return
        _check_everywhere(user, catalog, everything, shown)
        _check_everywhere(user, within, everything, shown)
    finally:
        admin.ask("DELETE", f"{of}/acl_binding/b")
        admin.ask("DELETE", f"{of}/acl/select")


def _check_everywhere(user: Peer, at: str, everything: list[dict[str, Any]], shown: set[int]) -> None:
    numbers: Callable[[str], list[int]] = lambda path: sorted(row["N"] for row in user.get(f"{at}/{path}"))  # noqa: E731
    assert numbers("entity/s:T") == sorted(shown)
    assert numbers("attribute/s:T/N") == sorted(shown)
    text = user.send("GET", f"{at}/attribute/s:T/N", headers={"Accept": "text/csv"}).text
    assert sorted(map(int, text.split()[1:])) == sorted(shown)
    # Counts and groups.
    (found,) = user.get(f"{at}/aggregate/s:T/n:=cnt(*),low:=min(N),all:=array(N)")
    assert (found["n"], found["low"]) == (len(shown), min(shown, default=None))
    assert sorted(found["all"] or []) == sorted(shown)
    groups = user.get(f"{at}/attributegroup/s:T/Study;n:=cnt(*)")
    assert sum(g["n"] for g in groups) == len(shown)
    # Joins: from it, to it, through it, and outer ones.
    notes = [n for n in (1, 1, 2, 3, 4, 5, 5) if n in shown]
    assert numbers("entity/s:T/(N)=(s:Note:N)") == notes
    assert numbers("entity/s:Note/(N)=(s:T:N)") == sorted(shown)
    assert numbers("entity/N:=s:Note/(N)=(s:T:N)/$N") == notes
    studies = {r["Study"] for r in everything if r["N"] in shown}
    assert {r["Name"] for r in user.get(f"{at}/entity/s:Note/(N)=(s:T:N)/(Study)=(s:Study:Name)")} == studies
    (found,) = user.get(f"{at}/aggregate/N:=s:Note/T:=left(N)=(s:T:N)/n:=cnt(N:RID),t:=cnt_d(T:N)")
    assert (found["n"], found["t"]) == (7, len(shown))
    # Nothing can be guessed by filters, and a RID leads nowhere.
    assert numbers("entity/s:T/N::geq::1&N::leq::5") == sorted(shown)
    assert numbers("entity/s:T/!Level=0") == sorted(shown)
    for row in everything:
        visible = row["N"] in shown
        assert len(user.get(f"{at}/entity/s:T/RID={row['RID']}")) == visible
        assert user.send("GET", f"{at}/entity_rid/{row['RID']}").status_code == (200 if visible else 404)


def test_static_lists_hide_tables_columns_and_schemas(admin: Peer, user: Peer, nobody: Peer) -> None:
    catalog = admin.new_catalog(
        table("Open", column("A"), column("Secret"), column("Quiet")),
        table("Shut", column("A")),
        table("Gone", column("A")),
    )
    admin.ask("POST", f"{catalog}/schema/t")
    admin.ask("POST", f"{catalog}/schema/t/table", table("T", column("A")))
    for name in ("s:Open", "s:Shut", "s:Gone", "t:T"):
        admin.ask("POST", f"{catalog}/entity/{name}", [{"A": "x", "Secret": "y", "Quiet": "z"}])
    base = f"{catalog}/schema/s/table"
    admin.ask("PUT", f"{base}/Open/column/Secret/acl/select", [])
    admin.ask("PUT", f"{base}/Open/column/Quiet/acl", {"select": [], "enumerate": []})
    admin.ask("PUT", f"{base}/Shut/acl/select", [])
    admin.ask("PUT", f"{base}/Gone/acl", {"select": [], "enumerate": []})
    admin.ask("PUT", f"{catalog}/schema/t/acl", {"select": [], "enumerate": []})
    for peer, refused in ((user, 403), (nobody, 401)):
        model = peer.get(f"{catalog}/schema")["schemas"]
        assert "t" not in model
        assert "Gone" not in model["s"]["tables"]
        assert [c["name"] for c in model["s"]["tables"]["Open"]["column_definitions"]][5:] == ["A", "Secret"]
        # A column that is known to be there, and closed, closes the whole row; one that is not is left out.
        assert peer.send("GET", f"{catalog}/entity/s:Open").status_code == refused
        assert peer.get(f"{catalog}/attribute/s:Open/A") == [{"A": "x"}]
        assert peer.send("GET", f"{catalog}/attribute/s:Open/Secret").status_code == refused
        assert peer.send("GET", f"{catalog}/entity/s:Open/Secret=y").status_code == refused
        assert peer.send("GET", f"{catalog}/attribute/s:Open/Quiet").status_code == 409
        assert peer.send("GET", f"{catalog}/entity/s:Shut").status_code == refused
        assert peer.send("GET", f"{catalog}/entity/s:Gone").status_code == 409
        assert peer.send("GET", f"{catalog}/entity/t:T").status_code == 409
        assert peer.send("GET", f"{base}/Gone").status_code == 404
        assert peer.send("GET", f"{catalog}/schema/t").status_code == 404
    (row,) = admin.get(f"{catalog}/entity/s:Open")
    assert (row["Secret"], row["Quiet"]) == ("y", "z")
    admin.ask("PUT", f"{base}/Open/column/Secret/acl/enumerate", [])
    (row,) = user.get(f"{catalog}/entity/s:Open")
    assert (row["A"], row.keys() & {"Secret", "Quiet"}) == ("x", set())


def test_a_columns_own_binding_hides_values_not_rows(admin: Peer, user: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("N", "int4"), column("Owner"), column("Value", "int4")))
    admin.ask(
        "POST", f"{catalog}/entity/s:T", [{"N": n, "Owner": "user" if n % 2 else "admin", "Value": n} for n in range(6)]
    )
    of = f"{catalog}/schema/s/table/T/column/Value"
    admin.ask("PUT", f"{of}/acl/select", [])
    admin.ask("PUT", f"{of}/acl_binding/mine", {**SELECT, "projection": "Owner", "projection_type": "acl"})
    for at in (catalog, admin.snapshot(catalog)):
        assert [r["Value"] for r in user.get(f"{at}/entity/s:T@sort(N)")] == [None, 1, None, 3, None, 5]
        (found,) = user.get(f"{at}/aggregate/s:T/n:=cnt(*),v:=cnt(Value),sum:=sum(Value)")
        assert (found["n"], found["v"], found["sum"]) == (6, 3, 9)
        assert [r["N"] for r in user.get(f"{at}/entity/s:T/Value::geq::0@sort(N)")] == [1, 3, 5]
        assert user.get(f"{at}/entity/s:T/Value=2") == []
        assert [r["Value"] for r in admin.get(f"{at}/entity/s:T@sort(N)")] == [0, 1, 2, 3, 4, 5]


def test_writing_asks_each_row(admin: Peer, user: Peer) -> None:
    catalog = admin.new_catalog(table("T", column("N", "int4", need=True), column("Owner"), keys=[["N"]]))
    of = f"{catalog}/schema/s/table/T"
    admin.ask(
        "PUT", f"{of}/acl_binding/mine", {"types": ["update", "delete"], "scope_acl": ["*"], "projection": "Owner"}
    )
    admin.ask("POST", f"{catalog}/entity/s:T", [{"N": n, "Owner": "user" if n < 3 else "admin"} for n in range(6)])
    assert user.send("POST", f"{catalog}/entity/s:T", [{"N": 9}]).status_code == 403
    assert user.send("DELETE", f"{catalog}/entity/s:T/N=4").status_code == 403
    assert user.send("DELETE", f"{catalog}/entity/s:T/N::geq::2").status_code == 403
    assert len(admin.get(f"{catalog}/entity/s:T")) == 6
    assert user.send("DELETE", f"{catalog}/entity/s:T/N=0").status_code == 204
    answer = user.send("PUT", f"{catalog}/attributegroup/s:T/o:=N;N", [{"o": 4, "N": 40}])
    assert answer.status_code == 403
    assert user.send("PUT", f"{catalog}/attributegroup/s:T/o:=N;N", [{"o": 1, "N": 10}]).status_code == 200
    assert [r["N"] for r in admin.get(f"{catalog}/entity/s:T@sort(N)")] == [2, 3, 4, 5, 10]


def test_rights_of_rows_are_summed_up(admin: Peer, user: Peer) -> None:
    catalog = admin.new_catalog(
        table("T", column("N", "int4", need=True), column("Owner"), column("Fixed"), keys=[["N"]])
    )
    of = f"{catalog}/schema/s/table/T"
    admin.ask("PUT", f"{of}/acl_binding/mine", {"types": ["update"], "scope_acl": ["*"], "projection": "Owner"})
    admin.ask("PUT", f"{of}/column/Fixed/acl/update", [])
    admin.ask("PUT", f"{of}/column/Fixed/acl_binding/mine", False)
    admin.ask("POST", f"{catalog}/entity/s:T", [{"N": 1, "Owner": "user"}, {"N": 2, "Owner": "admin"}])
    path = f"{catalog}/attribute/s:T/RID,N,t:=trs(RID),c:=tcrs(RID)@sort(N)"
    mine, other = user.get(path)
    assert (mine["t"], other["t"]) == ({"update": True, "delete": False}, {"update": False, "delete": False})
    columns = {"RID": False, "RCT": False, "RMT": False, "RCB": False, "RMB": False, "Fixed": False}
    assert mine["c"]["column_update"] == {**columns, "N": True, "Owner": True}
    assert other["c"]["column_update"] == {**columns, "N": False, "Owner": False}
    assert [row["t"] for row in admin.get(path)] == [{"update": True, "delete": True}] * 2
    then = admin.snapshot(catalog)
    assert [r["t"] for r in admin.get(f"{then}/attribute/s:T/RID,t:=trs(RID)")] == [
        {"update": False, "delete": False}
    ] * 2


def test_who_may_refer_to_what(admin: Peer, user: Peer) -> None:
    catalog = admin.new_catalog(
        table("P", column("Name", need=True), column("Owner"), keys=[["Name"]]),
        table("C", column("P"), references=[refer("P", "s:P", "Name", names=[["s", "C_P_fkey"]])]),
    )
    for right in ("insert", "update"):
        admin.ask("PUT", f"{catalog}/schema/s/table/C/acl/{right}", ["*"])
    admin.ask("POST", f"{catalog}/entity/s:P", [{"Name": "mine", "Owner": "user"}, {"Name": "other", "Owner": "admin"}])
    of = f"{catalog}/schema/s/table/C/foreignkey/P/reference/s:P/Name"
    (row,) = user.ask("POST", f"{catalog}/entity/s:C", [{"P": "other"}])
    admin.ask("PUT", f"{of}/acl", {"insert": [], "update": []})
    assert user.send("POST", f"{catalog}/entity/s:C", [{"P": "mine"}]).status_code == 403
    user.ask("POST", f"{catalog}/entity/s:C", [{"P": None}])
    binding = {"types": ["insert", "update"], "scope_acl": ["*"], "projection": "Owner", "projection_type": "acl"}
    admin.ask("PUT", f"{of}/acl_binding/own", binding)
    user.ask("POST", f"{catalog}/entity/s:C", [{"P": "mine"}])
    answer = user.send("POST", f"{catalog}/entity/s:C", [{"P": "mine"}, {"P": "other"}])
    assert (answer.status_code, answer.text.partition(" Detail")[0]) == (403, "Access forbidden.")
    user.ask("PUT", f"{catalog}/attributegroup/s:C/RID;P", [{"RID": row["RID"], "P": "mine"}])
    assert (
        user.send("PUT", f"{catalog}/attributegroup/s:C/RID;P", [{"RID": row["RID"], "P": "other"}]).status_code == 403
    )
    admin.ask("POST", f"{catalog}/entity/s:C", [{"P": "other"}])
    assert [r["P"] for r in admin.get(f"{catalog}/entity/s:C@sort(RID)")] == ["mine", None, "mine", "other"]


@pytest.mark.parametrize(
    ("binding", "told"),
    [
        (5, "must be an object"),
        ({"projection": "Owner"}, '"types"'),
        ({"types": "select", "projection": "Owner"}, '"types"'),
        ({"types": ["insert"], "projection": "Owner"}, "'insert' is not supported"),
        ({"types": ["select"]}, '"projection" is required'),
        ({"types": ["select"], "projection": "Owner", "scope_acl": []}, '"scope_acl"'),
        ({"types": ["select"], "projection": "Owner", "more": 1}, '"more"'),
    ],
)
def test_bindings_that_are_none_are_refused(admin: Peer, binding: Any, told: str) -> None:
    catalog = admin.new_catalog(table("T", column("Owner")))
    answer = admin.send("PUT", f"{catalog}/schema/s/table/T/acl_binding/b", json.dumps(binding).encode())
    assert (answer.status_code, told in answer.text) == (400, True), answer.text
    made = admin.send("POST", f"{catalog}/schema/s/table", table("U", column("Owner"), acl_bindings={"b": binding}))
    assert (made.status_code, told in made.text) == (400, True), made.text
