"""The demo catalog as clients meet it: everything that is said of it, and the same at every start."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from sandbox_client import Peer
from sandbox_process import SandboxProcess, start_sandbox

SYSTEM_BUT_RID = {"RCT", "RMT", "RCB", "RMB"}


@pytest.fixture(scope="module")
def admin(sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(sandbox) as peer:
        yield peer


@pytest.fixture(scope="module")
def user(sandbox: SandboxProcess) -> Iterator[Peer]:
    with Peer(sandbox, "user") as peer:
        yield peer


@pytest.fixture(scope="module")
def catalog(sandbox: SandboxProcess) -> str:
    return f"/ermrest/catalog/{sandbox.catalog}"


@pytest.fixture(scope="module")
def model(admin: Peer, catalog: str) -> dict[str, Any]:
    found: dict[str, Any] = admin.get(f"{catalog}/schema")["schemas"]
    return found


def fkeys(model: dict[str, Any], schema: str, table: str) -> list[tuple[list[str], str, list[str]]]:
    """Of each foreign key its columns, the table it refers to and the columns there."""
    found = []
    for key in model[schema]["tables"][table]["foreign_keys"]:
        to = key["referenced_columns"][0]
        found.append(
            (
                [c["column_name"] for c in key["foreign_key_columns"]],
                f"{to['schema_name']}:{to['table_name']}",
                [c["column_name"] for c in key["referenced_columns"]],
            )
        )
    return found


def rows(peer: Peer, catalog: str, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = peer.get(f"{catalog}/entity/{table}@sort(RID)")
    return found


def count(peer: Peer, catalog: str, path: str) -> int:
    return int(peer.get(f"{catalog}/aggregate/{path}/n:=cnt(*)")[0]["n"])


def test_the_ready_line_leads_to_a_root_and_a_dataset(sandbox: SandboxProcess, admin: Peer, catalog: str) -> None:
    found = admin.get(f"{catalog}/entity_rid/{sandbox.root}")
    assert (found["schema_name"], found["table_name"]) == ("eye", "Study")
    found = admin.get(f"{catalog}/entity_rid/{sandbox.dataset}")
    assert (found["schema_name"], found["table_name"]) == ("deriva-ml", "Dataset")
    versions = admin.get(f"{catalog}/entity/deriva-ml:Dataset_Version/Dataset={sandbox.dataset}@sort(RID)")
    assert sandbox.version in {v["Version"] for v in versions}


def test_one_subject_in_ten_is_hidden_from_a_plain_user(admin: Peer, user: Peer, catalog: str) -> None:
    whole, shown = count(admin, catalog, "eye:Subject"), count(user, catalog, "eye:Subject")
    assert whole == 60
    assert whole - shown == whole // 10
    hidden = {r["RID"] for r in rows(admin, catalog, "eye:Subject")} - {
        r["RID"] for r in rows(user, catalog, "eye:Subject")
    }
    assert len(hidden) == whole // 10
    for rid in hidden:
        assert user.send("GET", f"{catalog}/entity_rid/{rid}").status_code == 404
        assert user.get(f"{catalog}/entity/eye:Subject/RID={rid}/(RID)=(eye:Visit:Subject)") == []
    assert count(user, catalog, "eye:Visit/(Subject)=(eye:Subject:RID)") < count(
        admin, catalog, "eye:Visit/(Subject)=(eye:Subject:RID)"
    )


def test_images_are_assets_with_pictures_in_hatrac(admin: Peer, catalog: str, model: dict[str, Any]) -> None:
    columns = {c["name"]: c for c in model["eye"]["tables"]["Image"]["column_definitions"]}
    assert "tag:isrd.isi.edu,2017:asset" in columns["URL"]["annotations"]
    images = rows(admin, catalog, "eye:Image")
    assert len(images) == 120
    with_bytes = [image for image in images if image["URL"]]
    assert len(with_bytes) > 100
    for row in with_bytes:
        answer = admin.send("GET", row["URL"])
        assert answer.status_code == 200
        assert len(answer.content) == row["Length"]
        assert hashlib.md5(answer.content).hexdigest() == row["MD5"]
        with Image.open(io.BytesIO(answer.content)) as picture:
            picture.load()
            assert picture.format == "PNG"
            assert len(picture.convert("L").tobytes()) > 0
            assert len(set(picture.convert("L").tobytes())) > 16, "a picture, not a plain colour"


def test_a_composite_reference_leads_to_rooms(admin: Peer, catalog: str, model: dict[str, Any]) -> None:
    assert (["Clinic"], "eye:Clinic", ["Code"]) in fkeys(model, "eye", "Room")
    composite = [f for f in fkeys(model, "eye", "Visit") if len(f[0]) == 2]
    assert composite == [(["Clinic", "Room"], "eye:Room", ["Clinic", "Number"])]
    assert count(admin, catalog, "eye:Visit/(Clinic,Room)=(eye:Room:Clinic,Number)") > 0


def test_vocabularies_and_associations(admin: Peer, catalog: str, model: dict[str, Any]) -> None:
    for name in ("Diagnosis", "Species"):
        table = model["eye"]["tables"][name]
        assert {"ID", "URI", "Name", "Description", "Synonyms"} <= {c["name"] for c in table["column_definitions"]}
        terms = rows(admin, catalog, f"eye:{name}")
        assert terms
        assert all(term["ID"].startswith("EYE:") and term["RID"] in term["ID"] for term in terms)
    for name, ends in (
        ("Subject_Diagnosis", {"eye:Subject", "eye:Diagnosis"}),
        ("Dataset_Subject", {"deriva-ml:Dataset", "eye:Subject"}),
        ("Dataset_Image", {"deriva-ml:Dataset", "eye:Image"}),
    ):
        of = model["eye"]["tables"][name]
        mine = [f for f in fkeys(model, "eye", name) if f[1] != "public:ERMrest_Client"]
        assert {f[1] for f in mine} == ends
        both = sorted(column for f in mine for column in f[0])
        assert both in [sorted(k["unique_columns"]) for k in of["keys"]]
        assert rows(admin, catalog, f"eye:{name}")


def test_the_lab_has_what_path_finders_stumble_over(admin: Peer, catalog: str, model: dict[str, Any]) -> None:
    assert (["Mother"], "lab:Animal", ["RID"]) in fkeys(model, "lab", "Animal")
    assert (["Cage"], "lab:Cage", ["RID"]) in fkeys(model, "lab", "Animal")
    assert (["Current_Animal"], "lab:Animal", ["RID"]) in fkeys(model, "lab", "Cage")
    assert [f[1] for f in fkeys(model, "lab", "Transfer")].count("lab:Cage") == 2
    assert count(admin, catalog, "lab:Animal/(Mother)=(lab:Animal:RID)/(Mother)=(lab:Animal:RID)") > 0
    assert count(admin, catalog, "a:=lab:Animal/(Cage)=(lab:Cage:RID)/(Current_Animal)=(lab:Animal:RID)") > 0
    # None of it within deriva-ml's reach: nothing of eye or deriva-ml refers to lab.
    for schema in ("eye", "deriva-ml"):
        for table in model[schema]["tables"]:
            assert not [f for f in fkeys(model, schema, table) if f[1].startswith("lab:")]


def test_difficult_values(admin: Peer, catalog: str, model: dict[str, Any]) -> None:
    texts = [
        value
        for schema in ("eye", "lab")
        for table in model[schema]["tables"]
        for row in rows(admin, catalog, f"{schema}:{table}")
        for value in row.values()
        if isinstance(value, str)
    ]
    for piece in ('"', ",", "\n", "'", "\\"):
        assert any(piece in text for text in texts), piece
    scripts = ("\u4e00\u9fff", "\u0600\u06ff", "\u0370\u03ff\u0400\u04ff")
    for low, high in ((s[0], s[-1]) for s in scripts):
        assert any(low <= c <= high for text in texts for c in text)
    names = {row["Name"] for row in rows(admin, catalog, "eye:Subject")}
    assert {None, ""} <= names
    kinds = {
        c["type"]["typename"]
        for schema in ("eye", "lab")
        for t in model[schema]["tables"].values()
        for c in t["column_definitions"]
    }
    assert {
        "text", "markdown", "int2", "int4", "int8", "float4", "float8", "boolean", "date", "timestamp", "timestamptz",
        "json", "jsonb", "text[]", "int4[]", "float8[]", "date[]",
    } <= kinds  # fmt: skip
    weird = [n for t in model["lab"]["tables"].values() for n in (c["name"] for c in t["column_definitions"])]
    assert {"Amount (g)", "Größe, mm", 'Said "no"'} <= set(weird)


def test_datasets_have_members_parts_and_versions(sandbox: SandboxProcess, admin: Peer, catalog: str) -> None:
    ml = f"{catalog}/entity/deriva-ml"
    parts = admin.get(f"{ml}:Dataset_Dataset/Dataset={sandbox.dataset}")
    assert len(parts) == 2
    assert any(admin.get(f"{ml}:Dataset_Dataset/Dataset={part['Nested_Dataset']}") for part in parts)
    for part in parts:
        for members in ("Dataset_Subject", "Dataset_Image"):
            assert admin.get(f"{catalog}/entity/eye:{members}/Dataset={part['Nested_Dataset']}")
    versions = admin.get(f"{ml}:Dataset_Version/Dataset={sandbox.dataset}@sort(RID)")
    assert len(versions) >= 3
    # Each version's snapshot holds another state of the members.
    states = set()
    for version in versions:
        at = f"{catalog}@{version['Snapshot']}"
        found = admin.get(f"{at}/entity/deriva-ml:Dataset/RID={sandbox.dataset}")
        assert len(found) == 1
        images = sorted((r["RID"], r["RMT"]) for r in rows(admin, at, "eye:Image"))
        subjects = sorted((r["RID"], r["RMT"]) for r in rows(admin, at, "eye:Subject"))
        states.add(hashlib.sha256(repr((images, subjects)).encode()).hexdigest())
    assert len(states) > 1


def test_versions_are_such_as_deriva_ml_can_download(sandbox: SandboxProcess, admin: Peer, catalog: str) -> None:
    """It wants one schema of the catalog's own beside WWW, and a yes or a no in each boolean column."""
    for version in admin.get(f"{catalog}/entity/deriva-ml:Dataset_Version/Dataset={sandbox.dataset}"):
        at = f"{catalog}@{version['Snapshot']}"
        schemas = admin.get(f"{at}/schema")["schemas"]
        assert set(schemas) == {"public", "WWW", "deriva-ml", "eye"}
        for name, table in schemas["eye"]["tables"].items():
            for column in table["column_definitions"]:
                if column["type"]["typename"] == "boolean":
                    assert count(admin, at, f"eye:{name}/{column['name']}::null::") == 0


def test_it_is_the_same_at_every_start(
    sandbox: SandboxProcess, admin: Peer, catalog: str, model: dict[str, Any]
) -> None:
    with start_sandbox("--demo", "small") as other, Peer(other) as there:
        for name in ("catalog", "root", "dataset", "version"):
            assert getattr(other, name) == getattr(sandbox, name)
        assert there.get(f"{catalog}/schema")["schemas"] == model
        for schema, document in model.items():
            for table in document["tables"]:
                path = f"{catalog}/entity/{schema}:{table}@sort(RID)"
                assert there.send("GET", path).content == admin.send("GET", path).content, table
        assert there.get(catalog)["snaptime"] == admin.get(catalog)["snaptime"]
        for row in admin.get(f"{catalog}/entity/eye:Image/!URL::null::@sort(RID)?limit=20"):
            assert there.send("GET", row["URL"]).content == admin.send("GET", row["URL"]).content
