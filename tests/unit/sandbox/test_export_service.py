"""The sandbox's export service: what specs give, who may have it, and for how long."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import bdbag.bdbag_api
import psutil
import pytest

from sandbox_process import SandboxProcess, start_sandbox
from unit.sandbox import export_catalog
from unit.sandbox.export_catalog import CONTENT, MD5, SPECIES, Catalog, deriva_export, query
from unit.sandbox.people import Person

BDBAG, FILE = "/deriva/export/bdbag", "/deriva/export/file"
FETCH = query("fetch", "/attribute/eye:Image/url:=URL,length:=Length,filename:=Filename,md5:=MD5", "asset")


@pytest.fixture(scope="module")
def house() -> Iterator[SandboxProcess]:
    with start_sandbox("--demo", "none", "--keep-exports", "3", "--export-wait", "0.05") as running:
        yield running


@pytest.fixture(scope="module")
def admin(house: SandboxProcess) -> Person:
    return Person(house, "admin")


@pytest.fixture(scope="module")
def user(house: SandboxProcess) -> Person:
    return Person(house, "user")


@pytest.fixture(scope="module")
def catalog(admin: Person) -> Catalog:
    return export_catalog.make(admin)


def test_a_bag_holds_what_every_kind_of_query_gives(admin: Person, catalog: Catalog, tmp_path: Path) -> None:
    spec = catalog.spec(
        query("env", "/attribute/eye:Species/Name=mouse/RID,Name", "", query_keys=["RID", "Name"]),
        SPECIES,
        query("json", "/entity/eye:Species/Name={Name}", "one/{Name}"),
        query("json-stream", "/entity/eye:Species@sort(Name)", "stream/{WHO}"),
        query("csv", "/entity/eye:Species/RID={RID}", "by-rid"),
        query("dir", "", "empty/folder"),
        FETCH,
        query("download", "/attribute/eye:Image/url:=URL,filename:=Filename", "held"),
        env={"WHO": "all"},
        transform_processors=[
            {
                "processor": "json2csv",
                "processor_params": {"input_path": "stream/all.json", "output_path": "stream/table.csv"},
            }
        ],
    )
    spec["bag"]["bag_metadata"] = {"Contact-Name": "Ada"}
    answer = admin.post(BDBAG, spec)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Content-Type"].split(";")[0] == "text/uri-list"
    got = admin.get(answer.text)
    assert got.headers["Content-Disposition"] == "filename*=UTF-8''trial.zip"
    assert got.headers["Content-Type"] == "application/zip"
    (tmp_path / "trial.zip").write_bytes(got.content)
    with zipfile.ZipFile(tmp_path / "trial.zip") as archive:
        archive.extractall(tmp_path)
    data = tmp_path / "trial" / "data"
    names = [row["Name"] for row in csv.DictReader(io.StringIO((data / "Species.csv").read_text(), newline=""))]
    assert sorted(names) == ['O\'Brien, "B"\nline 2', "mouse"]
    assert [row["Name"] for row in json.loads((data / "one/mouse.json").read_text())] == ["mouse"]
    assert "mouse" in (data / "by-rid.csv").read_text()
    assert len(list(csv.DictReader(io.StringIO((data / "stream/table.csv").read_text(), newline="")))) == 2
    assert (data / "held/w.dat").read_bytes() == CONTENT
    url, length, path = (tmp_path / "trial/fetch.txt").read_text().strip().split("\t")
    assert (url, int(length), path) == (admin.sandbox.url + catalog.asset, len(CONTENT), "data/asset/w.dat")
    assert f"{MD5}  data/asset/w.dat" in (tmp_path / "trial/manifest-md5.txt").read_text()
    assert "Contact-Name: Ada" in (tmp_path / "trial/bag-info.txt").read_text()
    (data / "asset").mkdir()
    (data / "asset/w.dat").write_bytes(admin.get(url).content)
    bdbag.bdbag_api.validate_bag(str(tmp_path / "trial"))


def test_an_export_reads_as_who_asked_for_it(admin: Person, user: Person, catalog: Catalog) -> None:
    closed = export_catalog.make(admin)
    for right in ("enumerate", "select"):
        assert admin.ask("PUT", f"/ermrest/catalog/{closed.id}/acl/{right}", json=["admin"]).status_code < 300
    assert admin.post(FILE, closed.spec(SPECIES)).status_code == 201
    refused = user.post(FILE, closed.spec(SPECIES))
    assert refused.status_code == 403
    assert "DerivaDownloadAuthorizationError" in refused.text
    assert user.post(FILE, catalog.spec(SPECIES)).status_code == 201


def test_files_that_are_no_bag(admin: Person, catalog: Catalog) -> None:
    one = admin.post(FILE, catalog.spec(SPECIES))
    assert one.headers["Location"] == one.text
    assert one.text.endswith("/Species.csv")
    assert admin.get(one.text).text.startswith("RID,RCT,RMT,RCB,RMB,")
    two = admin.post(FILE, catalog.spec(SPECIES, query("json", "/entity/eye:Species", "deep/all")))
    assert "Location" not in two.headers
    urls = two.text.split("\n")
    assert [url.rpartition("/")[2] for url in urls] == ["Species.csv", "all.json"]
    assert len(admin.get(urls[1]).json()) == 2
    folder = urls[0].removesuffix("/Species.csv")
    assert admin.get(folder).status_code == 400
    assert admin.get(folder + "/other").status_code == 404


def test_the_result_is_its_owners_and_so_is_the_log(admin: Person, user: Person, catalog: Catalog) -> None:
    url = admin.post(BDBAG, catalog.spec(SPECIES)).text
    head = admin.ask("HEAD", url)
    assert head.status_code == 200
    assert head.headers["Content-Disposition"] == "filename*=UTF-8''trial.zip"
    assert int(head.headers["Content-Length"]) == len(admin.get(url).content)
    assert admin.get(url, headers={"Range": "bytes=0-1"}).content == b"PK"
    log = admin.get(url + "/log")
    assert log.headers["Content-Type"].startswith("text/plain")
    assert " - INFO - Created bag: " in log.text
    assert admin.token not in log.text
    for other in (user, Person(admin.sandbox)):
        for path in (url, url + "/log", url + "/trial.zip"):
            assert other.get(path).status_code == 404
    for path in ("/access", "/../access", "/%2e%2e/access", "/files/trial.zip", "/..%2flog"):
        assert admin.get(url + path).status_code == 404
    assert admin.ask("DELETE", url).status_code == 405


def test_results_are_kept_for_a_while(admin: Person, user: Person, catalog: Catalog) -> None:
    others = user.post(FILE, catalog.spec(SPECIES)).text
    urls = [admin.post(FILE, catalog.spec(SPECIES)).text for _ in range(4)]
    assert [admin.get(url).status_code for url in urls] == [404, 200, 200, 200]
    assert user.get(others).status_code == 200


def test_an_old_result_is_gone(admin: Person, catalog: Catalog) -> None:
    url = admin.post(FILE, catalog.spec(SPECIES)).text.rpartition("/")[0]
    folder = admin.sandbox.folder / "export" / "admin" / url.rpartition("/")[2]
    for hours, status in ((23, 200), (25, 404)):
        os.utime(folder, (time.time() - hours * 3600,) * 2)
        assert admin.get(url).status_code == status
    assert not folder.exists()


def test_an_export_that_takes_too_long_is_ended() -> None:
    with start_sandbox("--demo", "none", "--export-timeout", "1", "--latency", "400") as slow:
        admin = Person(slow, "admin")
        made = Catalog(admin.post("/ermrest/catalog", None).json()["id"], "")
        queries = [query("csv", "/entity/public:ERMrest_Client", f"{n}") for n in range(30)]
        answer = admin.post(BDBAG, made.spec(*queries))
        assert (answer.status_code, "Timeout" in answer.text) == (502, True)
        (folder,) = slow.folder.glob("export/admin/*")
        assert [path.name for path in folder.iterdir() if path.name not in ("log", "access")] == []


def test_one_export_per_user_at_a_time(admin: Person, user: Person, catalog: Catalog) -> None:
    slow = catalog.spec(*(query("csv", "/entity/eye:Species", f"{n}") for n in range(100)))
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(admin.post, BDBAG, slow)
        time.sleep(0.2)
        second = pool.submit(Person(admin.sandbox, "admin").post, FILE, catalog.spec(SPECIES))
        third = pool.submit(user.post, FILE, catalog.spec(SPECIES))
        statuses = [first.result().status_code, second.result().status_code, third.result().status_code]
    assert statuses == [201, 403, 201]
    assert "Multiple concurrent exports" in second.result().text
    assert admin.post(FILE, catalog.spec(SPECIES)).status_code == 201


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 400),
        (b"[1]", 400),
        (b'"x"', 400),
        (b'{"catalog": {"catalog_id": "1"}}', 400),
        (b'{"catalog": {"host": 5, "catalog_id": "1"}}', 400),
        (b'{"catalog": {"host": "localhost"}, "bag": 3}', 400),
        (b'{"catalog": {"host": "localhost"}}', 502),
        (b'{"catalog": {"host": "localhost"}, "post_processors": 5}', 502),
        (b'{"catalog": {"host": "local\\ud800host"}}', 501),
        (b'{"catalog": {"host": "localhost", "catalog_id": {"\\ud800": 1}}}', 502),
        (b'{"catalog": {"host": "localhost"}, "bag": {"bag_name": "{hostname:>99999999999}"}}', 502),
        (b'{"catalog": {"host": "localhost", "query_processors": [3]}}', 502),
        (b'{"catalog": {"host": "https://localhost:notaport"}}', 400),
        (b'{"catalog": {"host": "www.example.org", "query_processors": []}}', 501),
        (b'{"catalog": {"host": "https://localhost:1", "query_processors": []}}', 501),
        (b'{"catalog": {"host": "localhost"}, "post_processors":[{"processor":"cloud_upload"}]}', 501),
    ],
)  # fmt: skip
def test_a_bad_spec_gets_a_sentence(admin: Person, body: bytes, status: int) -> None:
    answer = admin.ask("POST", BDBAG, data=body)
    assert answer.status_code == status, answer.text
    assert answer.text.startswith("None Detail: ")
    assert "Traceback" not in answer.text


def test_a_missing_variable_is_said(admin: Person, catalog: Catalog) -> None:
    answer = admin.post(BDBAG, catalog.spec(query("csv", "/entity/eye:Species/RID={RID}", "x")))
    assert (answer.status_code, "KeyError" in answer.text) == (502, True)


def test_what_a_killed_server_was_working_at_is_no_result(tmp_path: Path) -> None:
    with start_sandbox("--demo", "none", folder=tmp_path / "sandbox") as running:
        admin = Person(running, "admin")
        catalog = export_catalog.make(admin)
        done = admin.post(FILE, catalog.spec(SPECIES)).text
        slow = catalog.spec(*(query("csv", "/entity/eye:Species", f"{n}") for n in range(300)))
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(admin.post, BDBAG, slow)
            while not list(running.folder.glob("export/admin/*/running")):
                assert not asking.done()
                time.sleep(0.02)
            running.kill()
            assert asking.exception() is not None
        while [p for p in psutil.process_iter(["cwd"]) if str(running.folder) in (p.info["cwd"] or "")]:
            time.sleep(0.1)
        port = running.ready["host"].rpartition(":")[2]
        running.start("--port", port)
        assert len(list(running.folder.glob("export/admin/*"))) == 1
        assert Person(running, "admin").get(done).status_code == 200


# -- deriva-py's client ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "made"), [("bdbag", {"trial.zip"}), ("file", {"Species.csv", "mouse.json"})])
def test_deriva_export_works_as_it_is(
    house: SandboxProcess, catalog: Catalog, tmp_path: Path, kind: str, made: set[str]
) -> None:
    spec = tmp_path / "spec.json"
    queries = [SPECIES, query("json", "/entity/eye:Species/Name={NAME}", "{NAME}")]
    spec.write_text(json.dumps(catalog.spec(*queries, env={"NAME": "{NAME}"})))
    out = tmp_path / "out"
    out.mkdir()
    deriva_export(house, kind, spec, out, tmp_path)
    assert {path.name for path in out.iterdir()} == made
