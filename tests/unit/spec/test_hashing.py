"""The normal form of a spec: what makes the same bag has one name."""

from __future__ import annotations

from typing import Any

import msgspec

from satchel.core.export.spec.hashing import normal, spec_hash
from satchel.core.export.spec.request import SpecRequest
from satchel.core.jobs import registry

SPEC: dict[str, Any] = {
    "bag": {"bag_name": "b"},
    "catalog": {
        "host": "https://a.org",
        "catalog_id": "1",
        "query_processors": [
            {"processor": "csv", "processor_params": {"query_path": "/entity/s:t", "output_path": "t"}}
        ],
    },
}


def _changed(path: list[Any], value: Any) -> dict[str, Any]:
    copy: Any = msgspec.json.decode(msgspec.json.encode(SPEC))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return copy  # type: ignore[no-any-return]


def test_what_changes_nothing_in_the_bag_changes_nothing_in_the_hash() -> None:
    same = [
        _changed(["catalog", "host"], "https://b.org"),
        _changed(["catalog", "catalog_id"], "2"),
        _changed(["public"], True),
        _changed(["bag", "bag_algorithms"], ["sha256"]),
        _changed(["bag", "bag_strict"], False),
        _changed(["env"], {}),
        _changed(["transform_processors"], []),
    ]
    assert {spec_hash(other) for other in same} == {spec_hash(SPEC)}


def test_what_changes_the_bag_changes_the_hash() -> None:
    other = [
        _changed(["bag", "bag_name"], "c"),
        _changed(["bag", "bag_algorithms"], ["md5"]),
        _changed(["bag", "bag_ro"], False),
        _changed(["env"], {"RID": "1"}),
        _changed(["catalog", "query_processors", 0, "processor"], "json"),
        _changed(["catalog", "query_processors", 0, "processor_params", "query_path"], "/entity/s:u"),
    ]
    assert len({spec_hash(SPEC), *map(spec_hash, other)}) == len(other) + 1


def test_the_specs_own_values_win_as_in_deriva_py() -> None:
    own = _changed(["env"], {"RID": "1"})
    assert spec_hash(own, {"RID": "2"}) == spec_hash(own)
    assert spec_hash(SPEC, {"RID": "1"}) == spec_hash(own)
    assert normal(SPEC, {"RID": "2"})["env"] == {"RID": "2"}


def test_the_request_is_kept_as_json() -> None:
    request = SpecRequest(host="h", catalog="1", spec=SPEC, out="/tmp", env={"a": "b"}, info=(("Contact-Name", "Ada"),))
    assert registry.decode_request(registry.encode(request)) == request
    assert request.title == "Export a spec from h, catalog 1"


def test_a_value_that_is_passed_on_counts_as_what_is_given() -> None:
    """Or two records would be taken for one another's bag."""
    passed_on = _changed(["env"], {"RID": "{RID}"})
    assert spec_hash(passed_on, {"RID": "1"}) == spec_hash(SPEC, {"RID": "1"}) != spec_hash(passed_on, {"RID": "2"})
