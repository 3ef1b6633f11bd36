"""Data URLs: what they mean, and that no URL whatever brings anything but an answer or an ErmrestError."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from ermrest_eye import ADMIN, USER, eye_study, read
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import render, url
from satchel.sandbox.ermrest.ast import (
    And,
    ColumnsElement,
    Comparison,
    ContextElement,
    FilterElement,
    Name,
    Not,
    Or,
    Projection,
    SortKey,
    TableElement,
)
from satchel.sandbox.ermrest.model import ErmrestError, Model


@pytest.fixture(scope="module")
def eye() -> Iterator[tuple[sqlite3.Connection, Model]]:
    connection = sqlite3.connect(":memory:")
    yield connection, eye_study(connection, 5)
    connection.close()


def name(text: str) -> Name:
    return Name(tuple(text.split(":")))


def test_path_elements() -> None:
    query = url.parse("entity", "S:=eye:Subject/V:=left(S:RID)=(eye:Visit:Subject)/R:=(Site,Room)/!(a=1;b=2)/$S", "")
    assert query.root == TableElement(name("eye:Subject"), "S")
    assert query.elements == (
        ColumnsElement((name("S:RID"),), (name("eye:Visit:Subject"),), "left", "V"),
        ColumnsElement((name("Site"), name("Room")), None, None, "R"),
        FilterElement(Not(Or((Comparison(name("a"), "=", ("1",)), Comparison(name("b"), "=", ("2",)))))),
        ContextElement(name("S")),
    )


def test_brackets_are_links_or_filters_by_what_they_hold() -> None:
    query = url.parse("entity", "t/(a)/(a=1)/(a::null::)&b=2/(s:t:c)=(d)", "")
    assert [type(element) for element in query.elements] == [
        ColumnsElement,
        FilterElement,
        FilterElement,
        ColumnsElement,
    ]


def test_filters_bind_as_documented() -> None:
    query = url.parse("entity", "t/a=1&!b::gt::2;c=any(x,,%2C)&d::null::", "")
    assert query.elements == (
        FilterElement(
            Or(
                (
                    And((Comparison(name("a"), "=", ("1",)), Not(Comparison(name("b"), "gt", ("2",))))),
                    And(
                        (
                            Comparison(name("c"), "=", ("x", "", ","), "any"),
                            Comparison(name("d"), "null"),
                        )
                    ),
                )
            )
        ),
    )


def test_words_of_the_language_are_names_too() -> None:
    query = url.parse("attribute", "left:=sort/left=any/all=all/max:=cnt,bin,array@sort(desc::desc::,null)", "")
    assert query.root == TableElement(name("sort"), "left")
    assert query.elements[0] == FilterElement(Comparison(name("left"), "=", ("any",)))
    assert query.columns == (
        Projection(name("cnt"), "max"),
        Projection(name("bin")),
        Projection(name("array")),
    )
    assert query.sort == (SortKey("desc", True), SortKey("null"))


def test_projections_groups_and_pages() -> None:
    query = url.parse(
        "attributegroup", "A:=t/b:=bin(A:x;3;0;9),y;n:=cnt(*),A:z@sort(b,y)@before(,::null::)@after(%3A,2)", "limit=3"
    )
    assert query.keys == (Projection(name("A:x"), "b", "bin", ("3", "0", "9")), Projection(name("y")))
    assert query.columns == (Projection(name("*"), "n", "cnt"), Projection(name("A:z")))
    assert (query.before, query.after, query.limit) == (("", None), (":", "2"), 3)


def test_query_parameters() -> None:
    query = url.parse("entity", "t", "defaults=a%2Cb,c&nondefaults=RID&defaults=d&onconflict=skip&limit=none")
    assert query.options["defaults"] == ["a,b", "c", "d"]
    assert query.option("onconflict") == "skip"
    assert query.limit is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "t/",
        "t//a",
        "a/b:=c=1",
        "t/a=1;",
        "t/!!a=1",
        "t/a=(1)",
        "t/a=some(1)",
        "t/a::like::x",
        "t/'x'=1",
        "t@sort()",
        "t@sort(a",
        "t@sort(a)@after(1,2)",
        "t@limit(3)",
        "t/%FF=1",
        "t/a=%00",
        "t/a=+1",
        "t/a=é",
        "t?x=1",
        "t/" + "(" * 10000 + "a=1" + ")" * 10000,
        "t@sort(a)@sort(a)",
        "t/a=1/@sort(a)",
        "t/$a:b:=c",
    ],
)
def test_malformed_paths_are_refused(path: str) -> None:
    with pytest.raises(ErmrestError) as caught:
        url.parse("entity", path, "")
    assert caught.value.status == 400
    assert caught.value.body.startswith("Request malformed. Detail: ")


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        ("entity/eye:Subject/Name::ts::mouse", 501),
        ("entity/eye:Subject/left(Species)", 501),
        ("attribute/eye:Subject/x:=trs(Name)", 409),
        ("attribute/eye:Subject/n:=cnt(RID)", 400),
        ("aggregate/eye:Subject/RID", 400),
        ("aggregate/eye:Subject/cnt(RID)", 400),
        ("aggregate/eye:Subject/n:=cnt(RID)@sort(n)", 400),
        ("aggregate/eye:Subject/n:=avg(Name)", 409),
        ("attribute/eye:Subject/Name,Name", 400),
        ("attribute/eye:Subject/X:Name", 400),
        ("attribute/eye:Subject/Name@sort(Age)", 400),
        ("entity/eye:Subject@sort(Nope)", 409),
        ("entity/eye:Subject@sort(Name)@before(x)", 400),
        ("entity/eye:Subject@sort(Age)@after(old)", 400),
        ("entity/eye:Subject/Born=1999-02-30", 400),
        ("entity/eye:Subject/Alive=perhaps", 400),
        ("entity/eye:Subject/Weight=nan", 400),
        ("entity/eye:Subject/S:=eye:Visit/S:=eye:Subject", 400),
        ("entity/eye:Subject/$X", 400),
        ("entity/eye:Subject/eye:Subject", 409),
        ("entity/eye:Visit/(Note)", 409),
        ("entity/eye:Subject/(RID)=(eye:Visit:Room)", 409),
        ("entity/eye:Subject/(RID,Name)=(eye:Visit:Subject)", 400),
        ("entity/a:b:c", 400),
        ("entity/Nope", 409),
        ("attributegroup/eye:Subject/b:=bin(Age;0;1;2)", 400),
        ("attributegroup/eye:Subject/b:=bin(Name;3;1;2)", 409),
        ("entity/eye:Subject?limit=-1", 400),
    ],
)
def test_what_does_not_fit_the_model(eye: tuple[sqlite3.Connection, Model], resource: str, status: int) -> None:
    with pytest.raises(ErmrestError) as caught:
        read(*eye, resource)
    assert caught.value.status == status
    assert len(caught.value.detail) > 5


def test_thousands_of_terms_are_no_problem(eye: tuple[sqlite3.Connection, Model]) -> None:
    terms = ";".join(f"Age={i}" for i in range(3000))
    assert read(*eye, f"aggregate/eye:Subject/{terms}/n:=cnt(*)") == b'[{"n":8}]\n'
    many = ",".join(f"S{i:02d}" for i in range(20_000))
    assert read(*eye, f"aggregate/eye:Subject/Name=any({many})/n:=cnt(*)") == b'[{"n":9}]\n'
    with pytest.raises(ErmrestError) as caught:
        read(*eye, "entity/eye:Subject" + "/A:=eye:Visit/eye:Subject".replace("A:=", "") * 40)
    assert caught.value.status == 501


def test_rids_are_found_however_they_are_written(eye: tuple[sqlite3.Connection, Model]) -> None:
    for text in ("9-AAAA", "9aaaa", "09-aaAA", "any(9aaaa,nope)"):
        assert read(*eye, f"attribute/eye:Subject_Image/RID={text}/Image") == b'[{"Image":"9-IMG1"}]\n'
    assert read(*eye, "attribute/eye:Subject/RID=LYR/Name") == b'[{"Name":"S02"}]\n'


# Everything that the grammar knows, and what it does not.
PIECES = [
    *"()/:;,=@&!$?%*+ é'[\"",
    *("::", ":=", "::null::", "::gt::", "::leq::", "::regexp::", "::ciregexp::", "::ts::", "::desc::", "any(", "all("),
    *("left(", "right(", "full(", "cnt(", "cnt_d(", "min(", "max(", "avg(", "sum(", "array(", "array_d(", "bin("),
    *("@sort(", "@after(", "@before(", ")=(", "A", "B", "A:=", "B:=", "$A", "eye", "eye:", "Subject", "Visit"),
    *("Species", "Site%20Room", "Image", "RID", "Name", "Age", "Weight", "Born", "Tags", "Meta", "Alive", "RCT"),
    *("Site", "Room", "When", "URL", "Length", "1", "0", "-1.5e3", "true", "2020-01-02", "%5B", "%7B%7D", "%00", "%FF"),
    *("nope", "9" * 30, "inf", "1YP", "/eye:Subject", "/eye:Visit", "/eye:Species", "/RID", "/n:=cnt(*)", "/*"),
]
ROOTS = st.sampled_from(
    ["eye:Subject", "A:=eye:Subject", "eye:Visit", "A:=Visit", "eye:Species", "eye:Site%20Room", ""]
)
PATHS = st.builds(lambda root, rest: root + "".join(rest), ROOTS, st.lists(st.sampled_from(PIECES), max_size=12))

FILTERS = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "!", "A:", "!A:"]),
        st.sampled_from(["RID", "Name", "Age", "Weight", "Born", "Tags", "Meta", "Alive", "Species", "RCT", "*"]),
        st.sampled_from(["=", "::lt::", "::geq::", "::regexp::", "::ciregexp::", "::null::"]),
        st.sampled_from(
            ["", "1", "true", "2020-01-02", "any(1,2)", "all(x,)", "S0", "%7B%22a%22%3A1%7D", "%5E.%2A%24"]
        ),
    ),
)
LINKS = st.sampled_from(
    [
        "eye:Visit",
        "V:=eye:Visit",
        "eye:Species",
        "eye:Site%20Room",
        "(Species)",
        "(RID)",
        "W:=(A:RID)=(eye:Visit:Subject)",
        "$A",
        "P:=left(Species)=(eye:Species:Name)",
        "F:=full(A:RID)=(eye:Visit:Subject)",
        "right(RID)=(eye:Visit:Subject)",
    ]
)
LEAVES = st.sampled_from(["*", "A:*", "RID,Name", "A:RID", "x:=A:Meta,A:Tags", "A:Age,*", "b:=bin(A:Age;2;0;9)"])
GROUPS = st.sampled_from(
    [
        "n:=cnt(*)",
        "m:=min(A:Name),x:=max(A:Born)",
        "a:=array(A:*)",
        "d:=array_d(A:Tags)",
        "v:=avg(A:Age),s:=sum(A:Weight)",
    ]
)
TAILS = st.sampled_from(
    ["", "@sort(RID)", "@sort(RID::desc::)@after(1Z0)", "@sort(Meta,RID)@before(1,2)", "@sort(Tags)@after(%5B1%5D)"]
)
QUERIES = st.sampled_from(["", "limit=2", "limit=0", "limit=x", "accept=csv", "arrays=json", "&;=,"])


@st.composite
def likely(draw: st.DrawFn) -> tuple[str, str, str]:
    """URLs that mostly make sense."""
    api = draw(st.sampled_from(url.APIS))
    parts = ["A:=eye:Subject", *draw(st.lists(FILTERS | LINKS, max_size=4))]
    if api == "attribute":
        parts.append(draw(LEAVES))
    elif api == "aggregate":
        parts.append(draw(GROUPS))
    elif api == "attributegroup":
        parts.append(f"{draw(LEAVES)};{draw(GROUPS)}" if draw(st.booleans()) else draw(LEAVES))
    return api, "/".join(parts) + draw(TAILS), draw(QUERIES)


def answer(eye: tuple[sqlite3.Connection, Model], api: str, path: str, query: str, media: str) -> None:
    connection, model = eye
    for client, at in ((ADMIN, None), (USER, 10**9)):
        problem = None
        try:
            parsed = url.parse(api, path, query)
            compiled = compiler.select(parsed, model, client, at)
        except ErmrestError as error:
            problem = error
        if problem is not None:
            assert problem.status in (400, 401, 403, 409, 501)
            assert problem.detail
            continue
        body = b"".join(render.rows(compiled, connection.cursor(), media))
        assert body.endswith(b"\n") or not body
        # The other way to the same rows; which of them a limit keeps, and their order, is told only by a full sort.
        compiled.batches = None
        again = b"".join(render.rows(compiled, connection.cursor(), media))
        assert len(again.splitlines()) == len(body.splitlines())
        if parsed.limit is None:
            assert lines(again) == lines(body)


def lines(body: bytes) -> list[bytes]:
    return sorted(line.strip(b",[] ") for line in body.split(b"\n"))


@settings(max_examples=400, deadline=None)
@given(api=st.sampled_from(url.APIS), path=PATHS | st.text(max_size=60), query=QUERIES | st.text(max_size=20))
def test_no_garbage_breaks_it(eye: tuple[sqlite3.Connection, Model], api: str, path: str, query: str) -> None:
    answer(eye, api, path, query, render.JSON)


@settings(max_examples=400, deadline=None)
@given(parts=likely(), media=st.sampled_from(render.MEDIA))
def test_no_query_breaks_it(eye: tuple[sqlite3.Connection, Model], parts: tuple[str, str, str], media: str) -> None:
    answer(eye, *parts, media)
