"""deriva-ml's path rule on small schemas, versions, and the spec that comes of them."""

from __future__ import annotations

import pytest

from catalog_maker import T, model_of
from sandbox_catalog import ref
from satchel.core.deriva.datasets import Dataset, DatasetVersion, pick_version, version_key
from satchel.core.deriva.datasets.paths import depth, hidden, paths
from satchel.core.deriva.datasets.spec import make_spec
from satchel.core.errors import SatchelError

ML = "deriva-ml"
DATASET = ref("Dataset", f"{ML}:Dataset")


def catalog(**domain: T) -> dict[str, T]:
    """deriva-ml's tables, as far as they matter here, and those of a domain."""
    pair = (("Dataset", "Nested_Dataset"),)
    return {
        f"{ML}:Dataset": T(columns=("Version",), refs=[ref("Version", f"{ML}:Dataset_Version")]),
        f"{ML}:Dataset_Version": T(columns=("Dataset", "Execution"), refs=[DATASET]),
        f"{ML}:Dataset_Dataset": T(columns=pair[0], keys=pair, refs=[DATASET, ref("Nested_Dataset", f"{ML}:Dataset")]),
        f"{ML}:Dataset_Type": T(vocabulary=True),
        **{name.replace("__", ":"): table for name, table in domain.items()},
    }


def member(table: str) -> T:
    return T(columns=("Dataset", table), keys=(("Dataset", table),), refs=[DATASET, ref(table, f"eye:{table}")])


STUDY = {
    "eye__Subject": T(columns=("Sex",), refs=[(("Sex",), "eye:Sex", ("Name",))]),
    "eye__Sex": T(vocabulary=True),
    "eye__Image": T(columns=("Subject", "Description"), asset=True, refs=[ref("Subject", "eye:Subject")]),
    "eye__Dataset_Subject": member("Subject"),
    "eye__Dataset_Image": member("Image"),
    "eye__Apart": T(columns=("Text",)),
}


def names(levels: int = 0, **more: T) -> set[str]:
    return {"/".join(t.table for t in path) for path in paths(model_of(catalog(**{**STUDY, **more})), levels)}


def test_paths_lead_from_members_in_both_directions_and_stop_at_members_of_other_types() -> None:
    assert names() == {
        "Dataset",
        "Dataset/Dataset_Version",
        "Dataset/Dataset_Subject",
        "Dataset/Dataset_Subject/Subject",
        "Dataset/Dataset_Subject/Subject/Sex",
        "Dataset/Dataset_Subject/Subject/Image",
        "Dataset/Dataset_Image",
        "Dataset/Dataset_Image/Image",
        "Dataset/Dataset_Image/Image/Subject",
        "Dataset/Dataset_Image/Image/Subject/Sex",
    }


def test_nested_datasets_come_by_the_same_paths_once_for_each_level() -> None:
    own = names()
    deep = names(2)
    assert deep == {
        *own,
        *(f"Dataset/Dataset_Dataset/{path}" for path in own),
        *(f"Dataset/Dataset_Dataset/Dataset/Dataset_Dataset/{path}" for path in own),
        "Dataset/Dataset_Dataset",
        "Dataset/Dataset_Dataset/Dataset/Dataset_Dataset",
    }


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            {"eye__Image": T(columns=("A", "B"), refs=[ref("A", "eye:Subject"), ref("B", "eye:Subject")])},
            "two references",
        ),
        ({"eye__Subject": T(columns=("Mother",), refs=[ref("Mother", "eye:Subject")])}, "two references"),
        (
            {
                "eye__Visit": T(columns=("Subject",), refs=[ref("Subject", "eye:Subject")]),
                "eye__Image": T(
                    columns=("Subject", "Visit"), refs=[ref("Subject", "eye:Subject"), ref("Visit", "eye:Visit")]
                ),
            },
            "circle",
        ),
        ({"lab__Cage": T(), "lab__Dataset_Cage": T(columns=("Dataset", "Cage"), keys=(("Dataset", "Cage"),),
          refs=[DATASET, ref("Cage", "lab:Cage")])}, "several schemas"),
    ],
)  # fmt: skip
def test_what_deriva_ml_cannot_walk_is_told_with_a_way_out(more: dict[str, T], said: str) -> None:
    with pytest.raises(SatchelError, match=said) as caught:
        names(**more)
    assert "--rid" in caught.value.hint


def test_what_may_not_be_read_is_left_out_and_named() -> None:
    closed = {"eye__Image": T(columns=("Subject", "Description"), refs=[ref("Subject", "eye:Subject")], select=False)}
    assert not [name for name in names(**closed) if "/Image" in name]
    assert [str(name) for name in hidden(model_of(catalog(**{**STUDY, **closed})))] == ["eye:Image"]
    column = {"eye__Image": T(columns=("Subject",), refs=[ref("Subject", "eye:Subject")], hidden_columns=("Subject",))}
    found = names(**column)
    assert "Dataset/Dataset_Image/Image" in found
    assert "Dataset/Dataset_Image/Image/Subject" not in found
    assert hidden(model_of(catalog(**STUDY))) == []


def test_a_domain_beside_it_without_members_does_not_matter() -> None:
    assert names(lab__Cage=T()) == names()


def test_the_spec_has_a_csv_for_each_path_and_a_fetch_for_each_that_ends_in_assets() -> None:
    spec = make_spec(model_of(catalog(**STUDY)), "1-A", 0, host="https://h", catalog="1@2-AAAA")
    steps = [(s["processor"], s["processor_params"]) for s in spec["catalog"]["query_processors"]]
    assert [kind for kind, _ in steps[:3]] == ["env", "env", "json"]
    csv = {p["output_path"]: p["query_path"] for kind, p in steps if kind == "csv"}
    assert csv["Sex"] == "/entity/eye:Sex"
    assert csv["Dataset/Dataset_Version"] == (
        "/entity/deriva-ml:Dataset/RID={RID}/(RID)=(deriva-ml:Dataset_Version:Dataset)"
    )
    assert set(csv) == {*names(), "Sex", "Dataset_Type"}
    fetched = [p for kind, p in steps if kind == "fetch"]
    assert {p["output_path"] for p in fetched} == {"asset/{asset_rid}/Image"}
    assert len(fetched) == 2
    assert spec["env"] == {"RID": "1-A"}


def test_names_with_braces_and_spaces_are_no_placeholders() -> None:
    odd = {"eye__Odd {x} name": T(columns=("Subject",), refs=[ref("Subject", "eye:Subject")])}
    spec = make_spec(model_of(catalog(**STUDY, **odd)), "1-A", 0, host="https://h", catalog="1")
    found = [
        s["processor_params"]
        for s in spec["catalog"]["query_processors"]
        if "Odd" in s["processor_params"]["query_path"]
    ]
    for params in found:
        assert params["output_path"].format(RID="1-A").endswith("Odd {x} name")
        assert params["query_path"].format(RID="1-A").endswith("eye:Odd%20%7Bx%7D%20name")
    assert found


def test_depth_of_nesting() -> None:
    assert depth({"A": ["B", "C"], "C": ["D"]}, "A") == 2
    assert depth({}, "A") == 0
    with pytest.raises(SatchelError, match="within itself"):
        depth({"A": ["B"], "B": ["A"]}, "A")


def test_versions_are_picked_by_number_and_need_a_snapshot() -> None:
    made = [("1.10.0", "S3"), ("1.9.0", "S2"), ("1.10.0.post1.dev2", None)]
    versions = sorted(
        (DatasetVersion(version=v, rid=v, snapshot=s) for v, s in made),
        key=lambda v: version_key(v.version),
        reverse=True,
    )
    dataset = Dataset(rid="1-A", versions=tuple(versions))
    assert [v.version for v in dataset.versions] == ["1.10.0.post1.dev2", "1.10.0", "1.9.0"]
    assert pick_version(dataset, None).version == "1.10.0"
    assert pick_version(dataset, "1.9.0").snapshot == "S2"
    with pytest.raises(SatchelError, match="no version 3") as caught:
        pick_version(dataset, "3.0.0")
    assert "1.10.0" in caught.value.hint
    with pytest.raises(SatchelError, match="no snapshot"):
        pick_version(dataset, "1.10.0.post1.dev2")
