"""The clone wizard without its screen: what leads where, what is forgotten when, and the request at the end."""

from __future__ import annotations

import msgspec

from satchel.core.clone.forecast import Forecast, RightForecast, StrategyForecast
from satchel.core.deriva.names import TableName
from satchel.core.flows.clone import CloneFlow
from satchel.core.flows.export import Found, Size

NONE = StrategyForecast(strategy="fail")


def forecast(*rights: RightForecast) -> Forecast:
    return Forecast(
        hostname="h",
        catalog_id="1",
        snapshot="S",
        root_table="a:b",
        rid="1-A",
        destination="h",
        tables=(),
        rows=0,
        bytes=0,
        assets=0,
        asset_bytes=0,
        dangling=(),
        outcome=(),
        chosen=NONE,
        foreign_keys=(),
        rights=rights,
    )


def walked(to: str) -> CloneFlow:
    flow = CloneFlow()
    flow.set_record("h.example.org", "1", "1-a")
    flow.found = Found(table=TableName("a", "b"), title="b 1-A")
    flow.size = Size(rows=1, records=1, assets=0)
    flow.foretold = forecast()
    flow.checked = forecast()
    while flow.current.name != to:
        assert flow.next() == []
    return flow


def test_pages_follow_each_other_and_nothing_is_changed_once_it_runs() -> None:
    flow = walked("run")
    assert [p.name for p in flow.pages][:6] == ["what", "take", "forecast", "destination", "summary", "run"]
    flow.running = True
    assert not flow.can_go_back
    assert flow.following("run") is None
    flow.running, flow.finished = False, True
    assert flow.next() == []
    assert flow.current.name == "result"


def test_each_page_says_what_is_missing() -> None:
    flow = CloneFlow()
    assert {p.field for p in flow.problems("what")} == {"host", "catalog", "rid"}
    assert flow.problems("take")
    assert flow.problems("forecast")
    assert flow.problems("summary")
    flow.set_record("h", "1", "1-A")
    flow.set_destination("h", "existing", "1", "")
    assert [p.message for p in flow.problems("destination")] == ["This is the source itself."]
    flow.set_destination("not a host", "new", "", "two words")
    assert {p.field for p in flow.problems("destination")} == {"to_host", "alias"}
    flow.set_destination("", "new", "", "42")
    assert {p.field for p in flow.problems("destination")} == {"alias"}
    flow.checked = forecast(RightForecast(side="destination", code="may-not-create", message="No.", fatal=True))
    assert [p.message for p in flow.problems("summary")] == ["No."]


def test_answers_are_dropped_with_what_makes_them_untrue() -> None:
    for change, foretold, checked, read_again in (
        (lambda f: f.set_included("a:c", False), False, False, True),
        (lambda f: f.set_assets("none"), False, False, True),
        (lambda f: f.set_assets("full"), True, False, False),
        (lambda f: f.set_strategy("delete"), False, False, False),
        (lambda f: f.set_strategy("delete", "a:fk"), False, False, False),
        (lambda f: f.set_destination("other", "new", "", ""), True, False, False),
        (lambda f: f.set_option("copy_policy", False), True, False, False),
        (lambda f: f.set_option("prune_hidden_fkeys", True), False, False, True),
    ):
        flow = walked("summary")
        before = flow.reading
        change(flow)
        assert (flow.foretold is not None, flow.checked is not None) == (foretold, checked)
        assert (flow.reading != before) is read_again


def test_the_request_is_what_was_said() -> None:
    flow = walked("summary")
    flow.set_included("a:c", False)
    flow.set_strategy("nullify")
    flow.set_strategy("delete", "a:fk")
    flow.set_strategy("delete", "a:other")
    flow.unset_strategy("a:other")
    flow.set_destination("https://there.example.org/", "existing", "7", "mine")
    flow.set_option("add_ml_schema", False)
    request = flow.request()
    assert (request.host, request.rid, request.to_host, request.to_catalog) == (
        "h.example.org",
        "1-A",
        "there.example.org",
        "7",
    )
    assert (request.orphans, request.orphans_for) == ("nullify", {"a:fk": "delete"})
    assert request.selection.exclude == ("a:c",)
    assert request.alias == "mine"
    assert not request.add_ml_schema
    assert msgspec.json.decode(msgspec.json.encode(request), type=type(request)) == request
    flow.set_destination("h.example.org", "new", "7", "")
    assert flow.request().to_host is None
    assert flow.request().to_catalog is None


def test_a_draft_comes_back_and_a_started_clone_leaves_only_how() -> None:
    flow = walked("summary")
    flow.set_strategy("delete", "a:fk")
    assert CloneFlow.load(flow.dump()).rid == "1-A"
    assert CloneFlow.load(flow.dump()).orphans_for == {"a:fk": "delete"}
    flow.running = True
    kept = CloneFlow.load(flow.dump())
    assert (kept.rid, kept.orphans_for) == ("", {})
    assert CloneFlow.load(b"not JSON").rid == ""
