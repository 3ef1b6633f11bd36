"""The export wizard's flow, walked without a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

from satchel.core.deriva.names import TableName
from satchel.core.export.request import ExportRequest, Offers
from satchel.core.flows.export import ExportDraft, ExportFlow, Found, Size

FOUND = Found(table=TableName("eye", "Study"), title="Study 1-ABCD")


def name_of(request: ExportRequest, table: TableName) -> str:
    return request.name or f"{request.catalog}_{table.table}_{request.rid}"


@pytest.fixture
def flow(tmp_path: Path) -> ExportFlow:
    flow = ExportFlow(ExportDraft(out=str(tmp_path)), name_of)
    flow.set_record("localhost:8443", "1", "1-abcd")
    flow.found = FOUND
    flow.size = Size(rows=10, records=1000, assets=5000)
    return flow


def test_the_pages_follow_each_other_and_back(flow: ExportFlow) -> None:
    walked = [flow.current.name]
    for _ in range(3):
        assert flow.next() == []
        walked.append(flow.current.name)
    assert walked == ["what", "preview", "options", "run"]
    assert flow.next() == []
    assert flow.current.name == "run", "an export that still runs is not done"
    flow.finished = True
    flow.next()
    assert flow.current.name == "done"
    flow.back()
    assert flow.current.name == "run"


@pytest.mark.parametrize(
    ("host", "catalog", "rid", "field"),
    [
        ("", "1", "1-AB", "host"),
        ("https://a/b", "1", "1-AB", "host"),
        ("a b", "1", "1-AB", "host"),
        ("example.org", "", "1-AB", "catalog"),
        ("example.org", "1/2", "1-AB", "catalog"),
        ("example.org", "1", "", "rid"),
        ("example.org", "1", "1-AB!", "rid"),
        ("example.org", "1", "1-AB", "rid"),  # well formed, but nobody has looked it up
    ],
)
def test_a_record_that_is_not_named_keeps_the_first_page(host: str, catalog: str, rid: str, field: str) -> None:
    flow = ExportFlow()
    flow.set_record(host, catalog, rid)
    problems = flow.next()
    assert [p.field for p in problems] == [field]
    assert problems[0].message.endswith(".")
    assert flow.current.name == "what"


def test_an_address_is_taken_as_pasted(flow: ExportFlow) -> None:
    flow.set_record(" https://example.org:8443/ ", " 1 ", "1-abcd ")
    assert (flow.draft.host, flow.draft.catalog, flow.draft.rid) == ("example.org:8443", "1", "1-ABCD")


def test_another_record_forgets_what_was_said_of_the_first(flow: ExportFlow) -> None:
    flow.set_included("eye:Image", False)
    flow.set_vocabularies("used")
    flow.set_record("localhost:8443", "1", "1-ABCE")
    assert flow.found is None
    assert flow.size is None
    assert flow.draft.offers == Offers(vocabularies="used")


def test_the_same_record_keeps_what_was_said(flow: ExportFlow) -> None:
    flow.set_included("eye:Image", False)
    flow.set_record("localhost:8443", "1", "1-ABCD")
    assert flow.found == FOUND
    assert flow.draft.offers.exclude == ("eye:Image",)


def test_ticks_and_offers_end_in_the_request(flow: ExportFlow) -> None:
    flow.set_included("eye:Image", False)
    flow.set_included("eye:Image", False)
    flow.set_followed("eye:A_B", True, default=False)
    flow.set_followed("ml:Dataset_Subject", False, default=True)
    assert flow.request().offers == Offers(exclude=("eye:Image",), follow=("eye:A_B",), stop=("ml:Dataset_Subject",))
    flow.set_included("eye:Image", True)
    flow.set_followed("eye:A_B", False, default=False)
    flow.set_followed("ml:Dataset_Subject", True, default=True)
    assert flow.request().offers == Offers()


def test_the_folder_is_looked_at_before_the_export_begins(flow: ExportFlow, tmp_path: Path) -> None:
    def problem() -> str:
        found = flow.problems("options")
        return found[0].message if found else ""

    assert problem() == ""
    flow.draft.out = str(tmp_path / "nope")
    assert "no folder" in problem()
    (tmp_path / "file").write_text("x")
    flow.draft.out = str(tmp_path / "file")
    assert "not a folder" in problem()
    flow.draft.out = "relative"
    assert "whole path" in problem()
    flow.draft.out = ""
    assert "Choose the folder" in problem()
    flow.draft.out = str(tmp_path)
    (tmp_path / "1_Study_1-ABCD.zip").touch()
    assert "already there" in problem()
    flow.draft.name = "other"
    assert problem() == ""
    flow.size = Size(rows=1, records=1 << 60, assets=0)
    assert "needs about" in problem()


def test_no_checksum_is_no_bag(flow: ExportFlow) -> None:
    flow.draft.algorithms = ()
    assert [p.field for p in flow.problems("options")] == ["algorithms"]


def test_the_disk_needed_counts_assets_only_when_they_go_into_the_bag(flow: ExportFlow) -> None:
    assert flow.needed_bytes() == 2000
    flow.draft.materialize = True
    flow.draft.archive = "none"
    assert flow.needed_bytes() == 6000


def test_a_closed_wizard_keeps_its_draft(flow: ExportFlow) -> None:
    flow.set_included("eye:Image", False)
    assert ExportFlow.load(flow.dump()) == flow.draft
    assert ExportFlow.load(b"{broken") == ExportDraft()
    assert ExportFlow.load(b'{"archive": "rar"}') == ExportDraft()
