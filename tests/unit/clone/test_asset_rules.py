"""Small rules about assets: addresses, names in Hatrac, chunks, which servers are asked."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_maker import T, model_of
from satchel.core.clone.asset_mover import MEBI, MOST_CHUNKS, Limits
from satchel.core.clone.asset_places import Namespace
from satchel.core.clone.asset_sources import host_sources
from satchel.core.clone.asset_state import Item
from satchel.core.clone.asset_urls import absolute, asset_columns, host_of, object_of, referring
from satchel.core.clone.localize import namespace_of
from satchel.core.clone.localize_request import LocalizeRequest
from satchel.core.deriva.hatrac import ObjectInfo
from satchel.core.deriva.hatrac_write import LONGEST_NAME, Content, name_part, split_object
from satchel.core.errors import SatchelError
from satchel.core.fetching.web import PrivateAddressError
from satchel.core.jobs.request import Access
from satchel.core.jobs.state import local_context

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=300)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/hatrac/a/b:V", "https://h:8443/hatrac/a/b:V"),
        (" /hatrac/a ", "https://h:8443/hatrac/a"),
        ("https://other/hatrac/a", "https://other/hatrac/a"),
        ("//other/hatrac/a", "//other/hatrac/a"),
        ("s3://bucket/key", "s3://bucket/key"),
        ("", ""),
    ],
)
def test_only_what_is_relative_to_the_source_becomes_absolute(url, expected):
    assert absolute(url, "h:8443") == expected
    assert absolute(expected, "h:8443") == expected


def test_the_column_that_is_rewritten_is_the_annotated_one_else_the_usual_one():
    tables = model_of(
        {
            "a:Marked": T(asset=True),
            "a:Plain": T(("URL", "Filename", "Length", "MD5")),
            "a:Other": T(("URL", "Filename")),
        }
    ).tables
    found = {str(name): asset_columns(table) for name, table in tables.items()}
    assert found["a:Marked"] is not None
    assert found["a:Plain"] is not None
    assert found["a:Plain"].url == "URL"
    assert found["a:Other"] is None
    changes = {str(name): referring(table, "h") for name, table in tables.items()}
    assert changes["a:Other"] is None
    assert changes["a:Plain"] is not None
    column, change = changes["a:Plain"]
    assert (column, change("/hatrac/x"), change(None)) == ("URL", "https://h/hatrac/x", None)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://Example.ORG/hatrac/x", "example.org"),
        ("https://example.org:443/hatrac/x", "example.org"),
        ("https://example.org:8443/x", "example.org:8443"),
        ("http://example.org/hatrac/x", None),
        ("https://user@example.org/x", None),
        ("https://[bad/x", None),
        ("/hatrac/x", None),
        ("ftp://example.org/hatrac/x", None),
    ],
)
def test_hosts_are_told_from_addresses_as_everywhere(url, host):
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://h/hatrac/a/b.dat:VER", ("/hatrac/a/b.dat", "VER")),
        ("/hatrac/a/b.dat", ("/hatrac/a/b.dat", None)),
        ("/hatrac/a b.dat:V", ("/hatrac/a%20b.dat", "V")),
        ("/x/hatrac/a", None),
        ("/hatrac/", None),
        ("/hatrac/a/../b", None),
        ("/hatrac/a;acl/read", None),
        ("/hatrac//b", None),
    ],
)
def test_objects_are_told_from_addresses(url, expected):
    assert object_of(url) == expected


@given(TEXT)
def test_any_text_becomes_one_part_of_a_hatrac_name(text):
    part = name_part(text)
    assert 0 < len(part) <= LONGEST_NAME
    assert part not in (".", "..")
    assert not set(part) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%")
    if text not in ("", ".", ".."):
        assert text.endswith(unquote(part))
    assert split_object(f"/hatrac/{part}") == (f"/hatrac/{part}", None)


@given(TEXT, TEXT)
def test_the_names_of_a_row_are_its_own_and_fit(filename, rid):
    item = Item("a:Image", rid, "https://h/hatrac/x:V", filename, 1, "0" * 32)
    info = ObjectInfo("https://h/hatrac/x:V", 1, None, None, "", None, None, None)
    names = list(Namespace("/hatrac/Image").paths(item, info, "0" * 32))
    assert len(set(names)) == len(names) > 1
    for name in names:
        assert split_object(name) == (name, None)
        assert len(name.rpartition("/")[2]) <= LONGEST_NAME


@given(st.integers(1, 1 << 45), st.integers(1, 1 << 30))
def test_no_upload_has_more_chunks_than_stores_allow(length, chunk):
    chosen = Limits(chunk=chunk).chunk_for(length)
    assert chosen >= chunk
    assert -(-length // chosen) <= MOST_CHUNKS
    assert chosen == chunk or chosen % MEBI == 0


def test_a_file_name_that_hatrac_does_not_take_is_left_out_of_its_headers():
    def headers(name: str | None) -> dict[str, str]:
        return Content(1, "d41d8cd98f00b204e9800998ecf8427e", None, "text/plain", name).headers

    assert headers("ä b.txt")["content-disposition"] == "filename*=UTF-8''%C3%A4%20b.txt"
    assert headers("ä")["content-md5"] == "1B2M2Y8AsgTpgAmY7PhCfg=="
    for name in (None, "a/b", "a\\b", "a\nb"):
        assert "content-disposition" not in headers(name)


@pytest.mark.parametrize(
    ("given_one", "expected"),
    [
        (None, "/hatrac/Image%20Set"),
        ("/hatrac/a/b/", "/hatrac/a/b"),
        ("a/b", "/hatrac/a/b"),
        ("/a", "/hatrac/a"),
        ("/hatrac/ä", "/hatrac/%C3%A4"),
    ],
)
def test_namespaces_are_below_hatrac(given_one, expected):
    request = LocalizeRequest(host="h", catalog="1", table="eye:Image Set", namespace=given_one)
    assert namespace_of(request) == expected


@pytest.mark.parametrize("name", ["/", "/hatrac", "a//b", "a/../b", "a;b", "a:b", "a?b", "a#b"])
def test_what_is_no_namespace_is_refused(name):
    with pytest.raises(SatchelError, match="namespace"):
        namespace_of(LocalizeRequest(host="h", catalog="1", table="a:b", namespace=name))


async def test_addresses_of_rows_do_not_lead_into_ones_own_network(tmp_path):
    """A catalog may say anything: private addresses are asked only where the person has named them."""
    context = local_context(tmp_path)
    nobody = tmp_path / "credential.json"
    nobody.write_text("{}")
    nobody.chmod(0o600)
    access = Access(credential=str(nobody))
    async with host_sources(access, [], context) as sources:
        for host in ("127.0.0.1:1", "192.168.1.1", "10.0.0.1:8443"):
            session = await sources.session(host)
            with pytest.raises(PrivateAddressError):
                await session.request("GET", f"https://{host}/hatrac/x")
