"""deriva-py works against the sandbox as it is: model, data paths, objects, clone, download, backup, restore."""

from __future__ import annotations

import base64
import copy
import gc
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bdbag import bdbag_api
from deriva.core import DEFAULT_SESSION_CONFIG, DerivaServer, ErmrestCatalog, HatracStore
from deriva.core.datapath import (
    Array,
    ArrayD,
    Avg,
    Bin,
    Cnt,
    CntD,
    DataPathException,
    Max,
    Min,
    Sum,
)
from deriva.core.ermrest_model import Column, ForeignKey, Key, Schema, Table, builtin_types
from deriva.transfer import DerivaBackup, DerivaDownload, DerivaRestore

from sandbox_process import SandboxProcess

NOTE = "tag:example.org,2026:note"


def session_config() -> dict[str, Any]:
    """deriva-py's own, but for trusting localhost blindly, and for waiting between attempts."""
    config: dict[str, Any] = copy.deepcopy(DEFAULT_SESSION_CONFIG)
    config.update(bypass_cert_verify_host_list=[], retry_read=0, retry_connect=0, cookie_jar=None)
    return config


def credential(sandbox: SandboxProcess, *, user: bool = False) -> dict[str, Any]:
    file = sandbox.credential_user if user else sandbox.credential
    found: dict[str, Any] = json.loads(Path(file).read_text())[sandbox.host]
    return found


@pytest.fixture(scope="module")
def server(sandbox: SandboxProcess) -> Iterator[DerivaServer]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", sandbox.ca)
        yield DerivaServer("https", sandbox.host, credentials=credential(sandbox), session_config=session_config())


@pytest.fixture
def catalog(server: DerivaServer) -> Iterator[ErmrestCatalog]:
    made = server.create_ermrest_catalog()
    yield made
    made.delete_ermrest_catalog(really=True)


@pytest.fixture(scope="module")
def demo(server: DerivaServer, sandbox: SandboxProcess) -> ErmrestCatalog:
    return server.connect_ermrest(sandbox.catalog)


# -- the server ---------------------------------------------------------------------------------------------------


def test_who_is_signed_in(server: DerivaServer, sandbox: SandboxProcess) -> None:
    assert server.get_authn_session().json()["client"]["id"] == "admin"
    other = DerivaServer(
        "https", sandbox.host, credentials=credential(sandbox, user=True), session_config=session_config()
    )
    assert other.get_authn_session().json()["client"]["id"] == "user"


def test_catalogs_and_aliases(server: DerivaServer) -> None:
    made = server.create_ermrest_catalog(name="A trial", description="of *names*")
    try:
        model = made.getCatalogModel()
        assert model.schemas["public"].tables["ERMrest_Client"]
        alias = server.create_ermrest_alias(id="trial-alias", alias_target=made.catalog_id)
        assert alias.retrieve()["alias_target"] == made.catalog_id
        assert server.connect_ermrest("trial-alias").get("/").json()["id"] == "trial-alias"
        alias.delete_ermrest_alias(really=True)
        assert made.latest_snapshot().snaptime == made.get("/").json()["snaptime"]
    finally:
        made.delete_ermrest_catalog(really=True)


# -- the model ----------------------------------------------------------------------------------------------------


def test_a_model_is_made_changed_and_taken_away(catalog: ErmrestCatalog) -> None:
    model = catalog.getCatalogModel()
    schema = model.create_schema(Schema.define("lab", comment="A laboratory"))
    person = schema.create_table(
        Table.define(
            "Person",
            [
                Column.define("Name", builtin_types.text, nullok=False, comment="In full"),
                Column.define("Age", builtin_types.int4),
                Column.define("Tags", builtin_types["text[]"]),
                Column.define("More", builtin_types.jsonb, default={"a": 1}),
            ],
            key_defs=[Key.define(["Name"], constraint_name="Person_Name_key")],
            comment="Somebody",
        )
    )
    schema.create_table(
        Table.define(
            "Sample",
            [Column.define("Owner", builtin_types.text), Column.define("Taken", builtin_types.timestamptz)],
            fkey_defs=[
                ForeignKey.define(
                    ["Owner"], "lab", "Person", ["Name"], constraint_name="Sample_Owner_fkey", on_update="CASCADE"
                )
            ],
        )
    )
    schema.create_table(Table.define_vocabulary("Term", "LAB:{RID}"))
    schema.create_table(Table.define_asset("lab", "Picture"))
    schema.create_table(Table.define_association([("Person", person), ("Term", schema.tables["Term"])]))
    model = catalog.getCatalogModel()
    person = model.schemas["lab"].tables["Person"]
    assert [c.name for c in person.columns][5:] == ["Name", "Age", "Tags", "More"]
    assert "tag:isrd.isi.edu,2017:asset" in model.schemas["lab"].tables["Picture"].columns["URL"].annotations
    assert model.schemas["lab"].tables["Person_Term"].is_association()
    # Alter.
    person.columns["Age"].alter(name="Years", type=builtin_types.int8, nullok=True, comment="since birth")
    person.create_column(Column.define("Born", builtin_types.date))
    person.create_key(Key.define(["Years", "Born"], constraint_name="Person_Years_key"))
    person.keys[(model.schemas["lab"], "Person_Name_key")].alter(constraint_name="Person_Name_is_unique")
    sample = model.schemas["lab"].tables["Sample"]
    sample.foreign_keys[(model.schemas["lab"], "Sample_Owner_fkey")].alter(
        constraint_name="Sample_belongs_to", on_delete="SET NULL"
    )
    sample.alter(table_name="Specimen", comment="renamed")
    model = catalog.getCatalogModel()
    lab = model.schemas["lab"]
    assert lab.tables["Person"].columns["Years"].type.typename == "int8"
    assert (lab, "Person_Name_is_unique") in lab.tables["Person"].keys.elements
    fkey = lab.tables["Specimen"].foreign_keys[(lab, "Sample_belongs_to")]
    assert (fkey.on_delete, fkey.on_update) == ("SET NULL", "CASCADE")
    assert [c.name for c in fkey.foreign_key_columns] == ["Owner"]
    assert {f.table.name for f in lab.tables["Person"].referenced_by} == {"Person_Term", "Specimen"}
    lab.alter(schema_name="laboratory")
    lab = catalog.getCatalogModel().schemas["laboratory"]
    # Drop, what others need with them.
    lab.tables["Specimen"].foreign_keys[(lab, "Sample_belongs_to")].drop()
    lab.tables["Person_Term"].drop()
    lab.tables["Person"].columns["Born"].drop(cascade=True)
    lab.tables["Person"].keys[(lab, "Person_Name_is_unique")].drop()
    lab = catalog.getCatalogModel().schemas["laboratory"]
    assert "Born" not in lab.tables["Person"].columns.elements
    assert {k.unique_columns[0].name for k in lab.tables["Person"].keys} == {"RID"}
    lab.drop(cascade=True)
    assert "laboratory" not in catalog.getCatalogModel().schemas


def test_annotations_acls_and_bindings_are_applied(catalog: ErmrestCatalog) -> None:
    model = catalog.getCatalogModel()
    schema = model.create_schema(Schema.define("s"))
    schema.create_table(
        Table.define("P", [Column.define("Owner", builtin_types.text)], key_defs=[Key.define(["Owner"])])
    )
    schema.create_table(
        Table.define(
            "T", [Column.define("P", builtin_types.text)], fkey_defs=[ForeignKey.define(["P"], "s", "P", ["Owner"])]
        )
    )
    model = catalog.getCatalogModel()
    table = model.schemas["s"].tables["T"]
    fkey = next(iter(table.foreign_keys))
    binding = {"types": ["select"], "scope_acl": ["*"], "projection": [{"outbound": list(fkey.names[0])}, "Owner"],
               "projection_type": "acl"}  # fmt: skip
    model.annotations[NOTE] = {"of": "catalog"}
    model.acls["enumerate"] = ["*"]
    model.schemas["s"].annotations[NOTE] = {"of": "schema"}
    table.annotations[NOTE] = {"of": "table"}
    table.acls["insert"] = ["user"]
    table.acl_bindings["mine"] = binding
    table.columns["P"].annotations[NOTE] = {"of": "column"}
    table.columns["P"].acls["update"] = []
    table.columns["P"].acl_bindings["mine"] = False
    fkey.annotations[NOTE] = {"of": "foreign key"}
    fkey.acls["insert"] = ["user"]
    next(iter(table.keys)).annotations[NOTE] = {"of": "key"}
    model.apply()
    found = catalog.getCatalogModel()
    assert found.prejson() == model.prejson()
    table = found.schemas["s"].tables["T"]
    assert table.acl_bindings == {"mine": binding}
    assert table.columns["P"].acl_bindings == {"mine": False}
    assert next(iter(table.foreign_keys)).annotations == {NOTE: {"of": "foreign key"}}
    # And taken away again.
    table.annotations.clear()
    table.acl_bindings.clear()
    del table.acls["insert"]
    table.columns["P"].annotations.clear()
    found.apply()
    again = catalog.getCatalogModel().schemas["s"].tables["T"]
    assert (again.annotations, again.acl_bindings) == ({}, {})
    assert "insert" not in again.acls
    assert again.columns["P"].annotations == {}


# -- data paths ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(server: DerivaServer) -> Iterator[ErmrestCatalog]:
    """Kinds a and b; things 0 to 11 of kind a, b in turn, the last without; prices 10 n; tags."""
    made = server.create_ermrest_catalog()
    schema = made.getCatalogModel().create_schema(Schema.define("shop"))
    schema.create_table(
        Table.define("Kind", [Column.define("Name", builtin_types.text)], key_defs=[Key.define(["Name"])])
    )
    schema.create_table(
        Table.define(
            "Thing",
            [
                Column.define("N", builtin_types.int4),
                Column.define("Kind", builtin_types.text),
                Column.define("Price", builtin_types.float8),
                Column.define("Tags", builtin_types["text[]"]),
                Column.define("When", builtin_types.date),
            ],
            key_defs=[Key.define(["N"])],
            fkey_defs=[ForeignKey.define(["Kind"], "shop", "Kind", ["Name"])],
        )
    )
    paths = made.getPathBuilder().shop
    paths.Kind.insert([{"Name": "a"}, {"Name": "b"}])
    paths.Thing.insert(
        [
            {"N": n, "Kind": None if n == 11 else "ab"[n % 2], "Price": n * 10.0,
             "Tags": ["even", "x"] if n % 2 == 0 else [], "When": f"2024-{n + 1:02d}-01"}
            for n in range(12)
        ]
    )  # fmt: skip
    yield made
    made.delete_ermrest_catalog(really=True)


def test_entities_links_and_filters(shop: ErmrestCatalog) -> None:
    paths = shop.getPathBuilder().shop
    thing, kind = paths.Thing, paths.Kind
    assert len(thing.entities()) == 12
    assert len(kind.filter(kind.Name == "a").link(thing).entities()) == 6
    assert len(thing.link(kind, on=thing.Kind == kind.Name, join_type="left").entities()) == 3
    # What has no kind is neither of kind a nor not.
    assert [r["N"] for r in thing.filter((thing.N > 3) & ~(thing.Kind == "a")).entities().sort(thing.N)] == [5, 7, 9]
    assert len(thing.filter((thing.N < 2) | (thing.N >= 10)).entities()) == 4
    assert [r["N"] for r in thing.filter(thing.Kind == None).entities()] == [11]  # noqa: E711
    assert len(thing.filter(thing.Kind.regexp("^[ab]$")).entities()) == 11
    assert len(thing.filter(thing.Kind.ciregexp("A")).entities()) == 6
    assert len(thing.filter(thing.Tags == "even").entities()) == 6
    other = kind.alias("K")
    path = thing.alias("T").filter(thing.alias("T").N < 5).link(other)
    found = path.attributes(path.T.N, path.T.Price.alias("cost"), path.K.Name.alias("kind")).sort(path.T.N.desc)
    # A path gives each row of its last table once.
    assert {row["kind"] for row in found} == {"a", "b"}
    assert len(found) == 2
    assert all(row["cost"] == row["N"] * 10 for row in found)
    assert [r["N"] for r in thing.entities().sort(thing.N.desc).fetch(limit=3)] == [11, 10, 9]


def test_aggregates_groups_bins_and_arrays(shop: ErmrestCatalog) -> None:
    thing = shop.getPathBuilder().shop.Thing
    (found,) = thing.aggregates(
        Min(thing.Price).alias("low"),
        Max(thing.When).alias("last"),
        Sum(thing.N).alias("sum"),
        Avg(thing.Price).alias("mean"),
        Cnt(thing.Kind).alias("kinds"),
        CntD(thing.Kind).alias("different"),
        ArrayD(thing.Kind).alias("set"),
        Array(thing.N).alias("list"),
    )
    assert (found["low"], found["last"], found["sum"], found["mean"]) == (0, "2024-12-01", 66, 55)
    assert (found["kinds"], found["different"], sorted(found["list"])) == (11, 2, list(range(12)))
    assert set(found["set"]) == {"a", "b", None}
    groups = thing.groupby(thing.Kind.alias("kind")).attributes(Cnt(thing.N).alias("n"), Array(thing.N).alias("of"))
    assert {g["kind"]: (g["n"], sorted(g["of"])) for g in groups} == {
        "a": (6, [0, 2, 4, 6, 8, 10]),
        "b": (5, [1, 3, 5, 7, 9]),
        None: (1, [11]),
    }
    bins = thing.groupby(Bin(thing.N, 4, 0, 12).alias("bin")).attributes(Cnt(thing.N).alias("n")).fetch()
    assert sorted((tuple(b["bin"]), b["n"]) for b in bins) == [
        ((1, 0, 3), 3),
        ((2, 3, 6), 3),
        ((3, 6, 9), 3),
        ((4, 9, 12), 3),
    ]
    bins = thing.groupby(Bin(thing.N, 2).alias("bin")).attributes(Cnt(thing.N).alias("n")).fetch()
    assert sum(b["n"] for b in bins) == 12


def test_rows_are_inserted_updated_and_deleted(catalog: ErmrestCatalog) -> None:
    schema = catalog.getCatalogModel().create_schema(Schema.define("s"))
    schema.create_table(
        Table.define(
            "T",
            [Column.define("K", builtin_types.text), Column.define("V", builtin_types.int4)],
            key_defs=[Key.define(["K"])],
        )
    )
    table = catalog.getPathBuilder().s.T
    made = table.insert([{"K": "a", "V": 1}, {"K": "b", "V": 2}])
    assert len({row["RID"] for row in made}) == 2
    changed = table.update([{"K": "a", "V": 10}], correlation=["K"], targets=["V"])
    assert [dict(r) for r in changed] == [{"K": "a", "V": 10}]
    table.insert([{"K": "a", "V": 5}, {"K": "c", "V": 3}], on_conflict_skip=True)
    assert {r["K"]: r["V"] for r in table.entities()} == {"a": 10, "b": 2, "c": 3}
    with pytest.raises(DataPathException, match="duplicate key value"):
        table.insert([{"K": "a", "V": 5}])
    own = [{"RID": "1-OWN0", "K": "own", "V": 1}]
    assert table.insert(own, nondefaults={"RID"}, add_system_defaults=False)[0]["RID"] == "1-OWN0"
    table.filter(table.V > 2).delete()
    assert {r["K"] for r in table.entities()} == {"b", "own"}
    assert catalog.resolve_rid("1-OWN0").table.name == "T"


# -- objects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunked", [False, True])
def test_objects_are_put_and_got(server: DerivaServer, sandbox: SandboxProcess, tmp_path: Path, chunked: bool) -> None:
    store = HatracStore("https", sandbox.host, credentials=credential(sandbox), session_config=session_config())
    space = f"/hatrac/clients-{chunked}"
    store.create_namespace(space)
    assert store.is_valid_namespace(space)
    source = tmp_path / "source.bin"
    source.write_bytes(bytes(range(256)) * 9_000)
    options: dict[str, Any] = {"chunked": True, "chunk_size": 1_000_000} if chunked else {}
    url = store.put_loc(f"{space}/sub/a b.bin", str(source), **options)
    assert store.get_obj(url).content == source.read_bytes()
    target = tmp_path / "target.bin"
    store.get_obj(url, destfilename=str(target))
    assert target.read_bytes() == source.read_bytes()
    md5 = base64.b64encode(hashlib.md5(source.read_bytes()).digest()).decode()
    assert store.content_equals(url, md5=md5)
    # The same content is not sent again.
    assert store.put_loc(f"{space}/sub/a b.bin", str(source), md5=None, **options) == url
    source.write_bytes(b"new")
    newer = store.put_loc(f"{space}/sub/a b.bin", str(source), **options)
    assert newer != url
    assert store.get_obj(f"{space}/sub/a%20b.bin").content == b"new"
    assert store.retrieve_namespace(f"{space}/sub") == [f"{space}/sub/a%20b.bin"]
    store.set_acl(f"{space}/sub/a%20b.bin", "read", ["*"])
    assert store.get_acl(f"{space}/sub/a%20b.bin", "read") == {"read": ["*"]}
    renamed = store.rename_obj(f"{space}/sub/a%20b.bin", f"{space}/sub/c.bin")
    assert store.get_obj(renamed).content == b"new"
    assert store.get_obj(newer).content == b"new"
    store.del_obj(f"{space}/sub/c.bin")
    store.delete_namespace(space)
    assert not store.is_valid_namespace(space)


# -- whole catalogs -----------------------------------------------------------------------------------------------


def contents(catalog: ErmrestCatalog, schemas: tuple[str, ...] = ("eye", "lab", "deriva-ml")) -> dict[str, Any]:
    """Rows by table, without what every server gives by itself."""
    found = {}
    for name in schemas:
        for table in catalog.getCatalogModel().schemas[name].tables.values():
            path = f"/entity/{name}:{table.name}@sort(RID)"
            rows = catalog.get(path).json()
            found[f"{name}:{table.name}"] = [{k: v for k, v in r.items() if k not in ("RMT", "RMB")} for r in rows]
    return found


def shape(catalog: ErmrestCatalog) -> dict[str, Any]:
    """Columns, keys and references of each table."""
    found = {}
    for schema in catalog.getCatalogModel().schemas.values():
        for table in schema.tables.values():
            found[f"{schema.name}:{table.name}"] = (
                [(c.name, c.type.typename, c.nullok) for c in table.columns],
                sorted(k.constraint_name for k in table.keys),
                sorted((f.constraint_name, f.on_delete, f.on_update) for f in table.foreign_keys),
            )
    return found


def test_a_catalog_is_cloned(demo: ErmrestCatalog, server: DerivaServer) -> None:
    made = demo.clone_catalog()
    try:
        assert shape(made) == shape(demo)
        assert contents(made) == contents(demo)
        # Its history begins with the clone.
        assert made.get("/history/,").json()["snaprange"][0] == made.get("/history/,").json()["snaprange"][1] or (
            made.get("/history/,").json()["snaprange"][0] > demo.get("/").json()["snaptime"]
        )
    finally:
        made.delete_ermrest_catalog(really=True)


def test_a_bag_is_downloaded(
    demo: ErmrestCatalog, sandbox: SandboxProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {
        "catalog": {
            "query_processors": [
                {
                    "processor": "csv",
                    "processor_params": {"query_path": "/entity/eye:Subject@sort(RID)", "output_path": "Subject"},
                },
                {
                    "processor": "fetch",
                    "processor_params": {
                        "query_path": "/attribute/eye:Image/!URL::null::/url:=URL,length:=Length,"
                        "filename:=Filename,md5:=MD5",
                        "output_path": "assets",
                    },
                },
            ]
        },
        "bag": {"bag_name": "demo", "bag_algorithms": ["md5"], "bag_archiver": "zip"},
    }
    where = {"host": sandbox.host, "protocol": "https", "catalog_id": sandbox.catalog, "session": session_config()}
    download = DerivaDownload(where, output_dir=str(tmp_path / "out"), config=config, credentials=credential(sandbox))
    made = download.download()
    (archive,) = [Path(entry["local_path"]) for entry in made.values()]
    folder = bdbag_api.extract_bag(str(archive), str(tmp_path / "extracted"))
    bdbag_api.validate_bag_structure(folder)
    data = (Path(folder) / "data" / "Subject.csv").read_bytes()
    assert data == demo.get("/entity/eye:Subject@sort(RID)", headers={"Accept": "text/csv"}).content
    assert len((Path(folder) / "fetch.txt").read_text().splitlines()) > 100


# The restoration leaves the files that it has read to the garbage collector.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_catalog_is_backed_up_and_restored(
    server: DerivaServer,
    demo: ErmrestCatalog,
    sandbox: SandboxProcess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    source = demo.clone_catalog()
    # The backup leaves out tables without rows, and the restoration misses this one.
    source.post("/entity/public:ERMrest_Group", json=[{"ID": "staff", "Display_Name": "Staff"}])
    where = {"host": sandbox.host, "protocol": "https", "catalog_id": source.catalog_id, "session": session_config()}
    backup = DerivaBackup(where, output_dir=str(tmp_path / "backup"), credentials=credential(sandbox))
    made = backup.download()
    (archive,) = {entry["local_path"] for entry in made.values()}
    target = {"host": sandbox.host, "protocol": "https", "session": session_config()}
    restore = DerivaRestore(target, input_path=archive, credential_file=sandbox.credential, no_assets=True)
    restore.restore()
    restored = restore.dst_catalog
    try:
        assert restored.catalog_id not in (demo.catalog_id, source.catalog_id)
        assert shape(restored) == shape(demo)
        assert contents(restored) == contents(demo)
    finally:
        gc.collect()
        source.delete_ermrest_catalog(really=True)
        restored.delete_ermrest_catalog(really=True)
