"""What "copy as command" gives is read back by the command line as the very same request."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from satchel.cli.clone import request_of as clone_of
from satchel.cli.diff import request_of as diff_of
from satchel.cli.export import request_of
from satchel.cli.export_dataset import dataset_request
from satchel.cli.inspect import request_of as inspect_of
from satchel.cli.localize import request_of as localize_of
from satchel.cli.main import parse
from satchel.cli.making import bag_of, rebag_of
from satchel.cli.materialize import request_of as materialize_of
from satchel.cli.packing import archive_of, extract_of
from satchel.cli.validate import validate_of
from satchel.core.bags.compare import DiffRequest
from satchel.core.bags.inspecting import InspectRequest
from satchel.core.bags.making import BagRequest
from satchel.core.bags.packing import ArchiveRequest
from satchel.core.bags.rebagging import RebagRequest
from satchel.core.bags.unpacking import ExtractRequest
from satchel.core.bags.validate import ValidateRequest
from satchel.core.clone.localize_request import LocalizeRequest
from satchel.core.clone.request import CloneRequest, Selection
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.request import AssetChoice, ExportRequest, Offers
from satchel.core.export.spec.request import SpecRequest
from satchel.core.fetching.request import MaterializeRequest
from satchel.core.flows.command import arguments, command_line
from satchel.core.jobs.request import Access, Request

plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
names = plain.map(lambda text: text.replace("/", "_")).filter(lambda text: text not in (".", ".."))
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))
tables = st.tuples(plain.filter(lambda text: ":" not in text), plain).map(":".join)
hosts = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?(:[1-9][0-9]{0,3})?", fullmatch=True)
catalogs = st.from_regex(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,5}", fullmatch=True)
rids = st.from_regex(r"[0-9A-HJKMNP-TV-Z]{1,4}(-[0-9A-HJKMNP-TV-Z]{4}){0,2}", fullmatch=True)
accesses = st.builds(
    Access,
    ca=st.lists(paths, max_size=2).map(tuple),
    credential=st.none() | paths,
)


@st.composite
def offers(draw: st.DrawFn) -> Offers:
    keys = draw(st.lists(tables, max_size=4, unique=True))
    cut = draw(st.integers(0, len(keys)))
    return Offers(
        exclude=tuple(draw(st.lists(tables, max_size=3))),
        follow=tuple(keys[:cut]),
        stop=tuple(keys[cut:]),
        vocabularies=draw(st.sampled_from(["whole", "used"])),
    )


exports = st.builds(
    ExportRequest,
    host=hosts,
    catalog=catalogs,
    rid=rids,
    out=paths,
    snapshot=st.none() | rids,
    offers=offers(),
    archive=st.sampled_from(["zip", "tgz", "none"]),
    materialize=st.booleans(),
    algorithms=st.lists(st.sampled_from(["md5", "sha256", "sha512"]), min_size=1, unique=True).map(tuple),
    name=st.none() | plain.map(str.strip).filter(bool),
    assets=st.builds(
        AssetChoice,
        tables=st.lists(st.sampled_from(["eye:Image", "lab:Größe & Gewicht"]), max_size=2).map(tuple),
        patterns=st.lists(plain, max_size=2).map(tuple),
        largest=st.none() | st.integers(0, 10**15),
        bytes=st.none() | st.integers(0, 10**15),
        count=st.none() | st.integers(0, 10**9),
    ),
    info=st.lists(st.tuples(st.sampled_from(["Contact-Name", "External-Description"]), plain), max_size=2).map(tuple),
    ro_crate=st.booleans(),
    server_side=st.booleans(),
    use_cache=st.booleans(),
    access=accesses,
)
datasets = st.builds(
    DatasetRequest,
    host=hosts,
    catalog=catalogs,
    dataset=rids,
    version=st.none() | st.from_regex(r"[0-9]\.[0-9]\.[0-9]", fullmatch=True),
    out=paths,
    archive=st.sampled_from(["zip", "tgz", "none"]),
    materialize=st.booleans(),
    algorithms=st.lists(st.sampled_from(["md5", "sha256", "sha512"]), unique=True).map(tuple),
    name=st.none() | plain.map(str.strip).filter(bool),
    info=st.lists(st.tuples(st.sampled_from(["Contact-Name", "External-Description"]), plain), max_size=2).map(tuple),
    ro_crate=st.booleans(),
    server_side=st.booleans(),
    use_cache=st.booleans(),
    access=accesses,
)
validates = st.builds(
    ValidateRequest,
    path=paths,
    level=st.sampled_from(["structure", "completeness", "fast", "full"]),
    profile=st.sampled_from(["", "bag", "bdbag", "bdbag-ro", "https://example.org/p?a=1&b=2"]) | paths,
    ca=st.lists(paths, max_size=2).map(tuple),
    any_size=st.booleans(),
)
materializes = st.builds(
    MaterializeRequest,
    path=paths,
    only=st.lists(plain, max_size=2).map(tuple),
    pick=st.lists(plain, max_size=2).map(tuple),
    skip=st.lists(plain, max_size=2).map(tuple),
    largest=st.none() | st.integers(0, 10**15),
    repair=st.booleans(),
    hosts=st.lists(st.sampled_from(["www.example.org", "localhost:8443"]), max_size=2, unique=True).map(tuple),
    allow_private=st.booleans(),
    check=st.sampled_from(["none", "completeness", "fast", "full"]),
    access=accesses,
)
archives = st.builds(ArchiveRequest, path=paths, format=st.sampled_from(["zip", "tgz"]), out=st.none() | paths)
extracts = st.builds(ExtractRequest, path=paths, into=st.none() | paths)
inspects = st.builds(InspectRequest, path=paths)
diffs = st.builds(DiffRequest, path=paths, other=paths, rows=st.booleans())
infos = st.lists(st.tuples(plain.filter(lambda text: "=" not in text), plain), max_size=2).map(tuple)
algorithm_lists = st.lists(st.sampled_from(["md5", "sha256", "sha512"]), min_size=1, unique=True).map(tuple)
bags = st.builds(
    BagRequest,
    path=paths,
    out=st.none() | paths,
    how=st.sampled_from(["copy", "link", "in-place"]),
    name=st.none() | plain,
    info=infos,
    algorithms=algorithm_lists,
)
rebags = st.builds(
    RebagRequest,
    path=paths,
    info=infos,
    remove=st.lists(plain, max_size=2).map(tuple),
    remanifest=st.booleans(),
    algorithms=st.none() | algorithm_lists,
)


def read_back(words: list[str]) -> Request:
    assert words[0] == "satchel"
    options = parse(words[1:])
    if options.run.__name__ == "validate":
        return validate_of(options)
    if options.run.__name__ == "materialize":
        return materialize_of(options)
    if options.run.__name__ == "archive":
        return archive_of(options)
    if options.run.__name__ == "extract":
        return extract_of(options)
    if options.run.__name__ == "inspect":
        return inspect_of(options)
    if options.run.__name__ == "diff":
        return diff_of(options)
    if options.run.__name__ in ("bag", "rebag"):
        return {"bag": bag_of, "rebag": rebag_of}[options.run.__name__](options)
    return dataset_request(options) if getattr(options, "dataset", None) else request_of(options)


@given(exports | datasets | validates | materializes | archives | extracts | inspects | diffs | bags | rebags)
def test_a_command_is_read_back_as_the_request(request: Request) -> None:
    assert read_back(shlex.split(command_line(request))) == request


def test_a_shell_reads_the_words_as_they_are_meant(tmp_path: Path) -> None:
    request = ExportRequest(
        host="localhost:8443",
        catalog="1",
        rid="1-ABCD",
        out=str(tmp_path / 'it\'s $HOME; `rm -rf` \\ "quoted"\nand on'),
        name="-rf *",
        offers=Offers(exclude=("lab:Feeding Log", "eye:Größe & Gewicht"), follow=("eye:Dataset_Subject",)),
        access=Access(ca=("/tmp/ca.pem",), credential="/tmp/credential.json"),
    )
    shown = subprocess.run(
        ["sh", "-c", f"printf '%s\\0' {command_line(request)}"], capture_output=True, check=True, text=True
    ).stdout
    assert shown.split("\0")[:-1] == arguments(request)
    assert read_back(arguments(request)) == request


def test_what_the_command_does_anyway_is_left_out() -> None:
    request = ExportRequest(host="www.example.org", catalog="1", rid="1-ABCD", out="/data")
    assert command_line(request) == "satchel export www.example.org 1 --rid 1-ABCD --out /data"


def test_a_request_without_command_is_refused() -> None:
    with pytest.raises(TypeError, match="no command"):
        command_line(Request())


@st.composite
def clones(draw: st.DrawFn) -> CloneRequest:
    """Clones of a catalog or a bag, to the same server or another."""
    bag = draw(st.none() | paths)
    access = draw(accesses)
    there = draw(
        st.none() | st.builds(Access, ca=st.just(access.ca) | st.lists(paths, min_size=1).map(tuple), credential=paths)
    )
    some = st.lists(tables, max_size=2).map(tuple)
    keys = draw(st.lists(tables, max_size=4, unique=True))
    strategies = st.sampled_from(["fail", "delete", "nullify"])
    schemas = st.lists(plain, max_size=2).map(tuple)
    return CloneRequest(
        host="" if bag else draw(hosts),
        catalog="" if bag else draw(catalogs),
        rid="" if bag else draw(rids),
        snapshot=draw(st.none() | rids),
        from_bag=bag,
        to_host=draw(hosts) if bag else draw(st.none() | hosts),
        to_catalog=draw(st.none() | catalogs),
        access=access,
        dest_access=there,
        selection=Selection(
            exclude=draw(some),
            exclude_schemas=draw(schemas),
            include=draw(some),
            include_schemas=draw(schemas),
            follow=tuple(keys[:2]),
            stop=tuple(keys[2:]),
            vocabularies=draw(st.sampled_from(["whole", "used", "none"])),
            associations=draw(st.booleans()),
            by_annotation=draw(st.booleans()),
        ),
        assets=draw(st.sampled_from(["none", "references", "full"])),
        orphans=draw(strategies),
        orphans_for=draw(st.dictionaries(tables, strategies, max_size=2)),
        copy_annotations=draw(st.booleans()),
        copy_policy=draw(st.booleans()),
        prune_hidden_fkeys=draw(st.booleans()),
        truncate_oversized=draw(st.booleans()),
        concurrency=draw(st.integers(1, 64)),
        alias=draw(st.none() | plain),
        add_ml_schema=draw(st.booleans()),
        reinitialize_dataset_versions=draw(st.booleans()),
        dry_run=draw(st.booleans()),
    )


@given(clones())
def test_a_clone_is_read_back(request: CloneRequest) -> None:
    assert clone_of(parse(shlex.split(command_line(request))[1:])) == request


@st.composite
def localizations(draw: st.DrawFn) -> LocalizeRequest:
    access = draw(accesses)
    other = draw(st.none() | paths)
    return LocalizeRequest(
        host=draw(hosts.filter(lambda host: not host.endswith(":443"))),
        catalog=draw(catalogs),
        table=draw(tables.filter(lambda name: not name.startswith("-"))),
        rids=draw(st.lists(rids, max_size=3).map(tuple)),
        source_host=draw(st.none() | hosts.filter(lambda host: not host.endswith(":443"))),
        namespace=draw(st.none() | paths),
        dry_run=draw(st.booleans()),
        audit=draw(st.none() | paths),
        chunk=draw(st.integers(1, 10**9)),
        chunked_above=draw(st.integers(1, 10**9)),
        access=access,
        source_access=Access() if other is None else Access(ca=access.ca, credential=other),
    )


@given(localizations())
def test_making_assets_local_is_read_back(request: LocalizeRequest) -> None:
    assert localize_of(parse(arguments(request)[1:])) == request


def test_a_spec_from_a_file_or_a_template_has_a_command_and_an_edited_one_has_none() -> None:
    known = {"host": "www.example.org", "catalog": "1", "spec": {"catalog": {}}, "out": "/data"}
    file = SpecRequest(**known, file="/specs/a b.json", env={"RID": "1-AB"}, label="a b.json")
    assert command_line(file) == "satchel export www.example.org 1 --spec '/specs/a b.json' --env RID=1-AB --out /data"
    made = SpecRequest(**known, table="eye:Study", label="Study (BDBag)", rid="1-AB", ro_crate=True)
    assert arguments(made)[4:] == [
        "--table", "eye:Study", "--template", "Study (BDBag)", "--rid", "1-AB", "--out", "/data", "--ro-crate",
    ]  # fmt: skip
    with pytest.raises(TypeError):
        command_line(SpecRequest(**known, label="edited"))
