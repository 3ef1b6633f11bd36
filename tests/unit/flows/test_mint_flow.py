"""The mint wizard's flow, without a screen."""

from __future__ import annotations

from satchel.core.deriva.datasets import Dataset, DatasetVersion
from satchel.core.flows.mint import MintDraft, MintFlow
from satchel.core.identifiers.place import Place
from satchel.core.identifiers.readiness import Check, Readiness
from satchel.core.identifiers.settled import Settled

VERSION = DatasetVersion(version="1.0.0", rid="1-V", snapshot="2Z-ABC")
DATASET = Dataset(rid="1-ABCD", description="Eyes", versions=(VERSION,))
READY = Readiness(
    checks=(Check(code="bucket", title="A bucket", mark="ok", message="There."),),
    settled=Settled(place=Place(bucket="lab"), said_by="profile", service="https://ids/", test=False, authors=()),
)
MISSING = Readiness(checks=(Check(code="store", title="Rights", mark="missing", message="None.", hint="Ask."),))


def at(page: str) -> MintFlow:
    """A flow, walked to a page."""
    flow = MintFlow()
    flow.set_catalog("https://a.example/", "1")
    flow.datasets = (DATASET,)
    flow.set_dataset("1-ABCD", "1.0.0")
    flow.readiness = READY
    flow.draft.title = "Eyes"
    while flow.current.name != page:
        assert flow.next() == []
    return flow


def fields(flow: MintFlow) -> list[str]:
    return [problem.field for problem in flow.problems(flow.current.name)]


def test_a_walk_to_the_request() -> None:
    flow = at("summary")
    assert flow.next() == []
    assert flow.current.name == "run"
    flow.running = True
    assert not flow.can_go_back
    assert flow.following("run") is None
    flow.running, flow.finished = False, True
    assert flow.next() == []
    assert flow.current.name == "done"
    request = flow.request()
    assert (request.host, request.dataset, request.version, request.name) == ("a.example", "1-ABCD", "1.0.0", "Eyes")
    assert request.test is None


def test_what_keeps_the_first_page() -> None:
    flow = MintFlow()
    assert fields(flow) == ["host", "catalog"]
    flow.set_catalog("a.example", "1")
    assert fields(flow) == ["catalog"]
    flow.datasets = (DATASET,)
    assert fields(flow) == ["dataset"]
    flow.set_dataset("1-ABCD", "")
    assert fields(flow) == ["version"]
    flow.set_release("minor", "  ")
    assert fields(flow) == ["description"]
    flow.set_release("minor", "More eyes")
    assert fields(flow) == []
    request = flow.request()
    assert (request.version, request.release, request.description) == (None, "minor", "More eyes")
    flow.set_release("", "More eyes")
    assert flow.request().description == ""


def test_answers_go_when_they_are_not_true_any_more() -> None:
    flow = at("needs")
    assert flow.problems("needs") == []
    flow.set_place(bucket="s3://other")
    assert flow.readiness is None
    assert fields(flow) == ["checks"]
    flow.readiness = MISSING
    (problem,) = flow.problems("needs")
    assert problem.message == "Rights: None. Ask."
    flow.set_place(bucket="no bucket at all")
    assert fields(flow) == ["bucket"]
    flow.set_place(bucket="", service="http://x/")
    assert fields(flow) == ["service"]
    flow.set_catalog("b.example", "1")
    assert (flow.datasets, flow.draft.dataset) == (None, "")


def test_about_it() -> None:
    flow = at("about")
    flow.draft.title = " "
    assert fields(flow) == ["title"]
    flow.draft.title, flow.draft.visible_to = "Eyes", ()
    assert fields(flow) == ["visible"]


def test_a_draft_is_kept() -> None:
    flow = at("about")
    flow.draft.authors = ("Lovelace, Ada",)
    flow.set_place(bucket="s3://lab/x", endpoint="https://s3.example.org")
    again = MintFlow(MintFlow.load(flow.dump()))
    assert again.draft == flow.draft
    flow.finished = True
    kept = MintFlow.load(flow.dump())
    assert (kept.dataset, kept.title, kept.bucket, kept.authors) == ("", "", "s3://lab/x", ("Lovelace, Ada",))
    assert MintFlow.load(b"nonsense") == MintDraft()
