"""What belongs to a record: by examples that a person can follow, and against the plain rule on random catalogs."""

from __future__ import annotations

import itertools
import random
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_maker import T, gathered_of, model_of
from plain_rule import reached
from satchel.core.deriva.names import TableName
from satchel.core.deriva.reach import Role, solve
from satchel.core.deriva.reach.choices import check, offers
from satchel.core.errors import Kind, SatchelError
from satchel.core.export.request import Offers


def ref(column: str, table: str, to: str = "RID"):
    return ((column,), table, (to,))


def study() -> dict[str, T]:
    """Two subjects of one clinic with observations, pictures in common, a diagnosis each, and a dataset of pictures."""
    return {
        "eye:Clinic": T(columns=["Name"], rows=[{"RID": "C1"}, {"RID": "C2"}]),
        "eye:Species": T(vocabulary=True, rows=[{"RID": "V1", "Name": "mouse"}, {"RID": "V2", "Name": "fish"}]),
        "eye:Subject": T(
            columns=["Clinic", "Species"],
            refs=[ref("Clinic", "eye:Clinic"), ref("Species", "eye:Species", "Name")],
            rows=[
                {"RID": "S1", "Clinic": "C1", "Species": "mouse"},
                {"RID": "S2", "Clinic": "C1", "Species": "fish"},
            ],
        ),
        "eye:Observation": T(
            columns=["Subject"],
            refs=[ref("Subject", "eye:Subject")],
            rows=[{"RID": "O1", "Subject": "S1"}, {"RID": "O2", "Subject": "S2"}, {"RID": "O3", "Subject": None}],
        ),
        "eye:Image": T(
            asset=True,
            rows=[
                {"RID": "I1", "URL": "/hatrac/1", "Length": 10},
                {"RID": "I2", "URL": "/hatrac/2", "Length": None},
                {"RID": "I3", "URL": None, "Length": 5},
            ],
        ),
        "eye:Mark": T(
            columns=["Image"],
            refs=[ref("Image", "eye:Image")],
            rows=[{"RID": "M1", "Image": "I1"}, {"RID": "M2", "Image": "I2"}],
        ),
        "eye:Subject_Image": T(
            columns=["Subject", "Image"],
            keys=[["Subject", "Image"]],
            refs=[ref("Subject", "eye:Subject"), ref("Image", "eye:Image")],
            rows=[
                {"RID": "A1", "Subject": "S1", "Image": "I1"},
                {"RID": "A2", "Subject": "S2", "Image": "I1"},
                {"RID": "A3", "Subject": "S2", "Image": "I2"},
            ],
        ),
        "deriva-ml:Dataset": T(rows=[{"RID": "D1"}, {"RID": "D2"}]),
        "deriva-ml:Dataset_Image": T(
            columns=["Dataset", "Image"],
            keys=[["Dataset", "Image"]],
            refs=[ref("Dataset", "deriva-ml:Dataset"), ref("Image", "eye:Image")],
            rows=[{"RID": "B1", "Dataset": "D1", "Image": "I1"}, {"RID": "B2", "Dataset": "D2", "Image": "I2"}],
        ),
        "deriva-ml:Dataset_Dataset": T(
            columns=["Dataset", "Nested_Dataset"],
            keys=[["Dataset", "Nested_Dataset"]],
            refs=[ref("Nested_Dataset", "deriva-ml:Dataset"), ref("Dataset", "deriva-ml:Dataset")],
            rows=[{"RID": "N1", "Dataset": "D1", "Nested_Dataset": "D2"}],
        ),
    }


def rows_of(tables, root, rid, choices=None, everything=True):
    choices = choices or Offers()
    with tempfile.TemporaryDirectory() as folder:
        gathered = gathered_of(tables, root, rid, choices, Path(folder) / "r.sqlite", everything=everything)
        with solve(gathered, choices) as found:
            result = {str(t.name): [rid for _, rid in found.rids(t.name)] for t in found.tables}
            associations = {a.key: a for a in found.associations}
        gathered.close()
    return {name: rids for name, rids in result.items() if rids}, found, associations


def test_what_refers_to_a_subject_belongs_to_it_and_what_that_refers_to_comes_along():
    rows, found, _ = rows_of(study(), "eye:Subject", "S1")
    assert rows == {
        "eye:Subject": ["S1"],
        "eye:Observation": ["O1"],
        "eye:Subject_Image": ["A1"],
        "eye:Image": ["I1"],
        "eye:Clinic": ["C1"],
        "eye:Species": ["V1", "V2"],
    }
    roles = {str(t.name): t.role for t in found.tables}
    assert roles["eye:Subject"] is Role.ROOT
    assert roles["eye:Observation"] is Role.DOWN
    assert roles["eye:Image"] is Role.PARTNER
    assert roles["eye:Clinic"] is Role.UP
    assert roles["eye:Species"] is Role.VOCABULARY
    assert found.size.rows == 7
    assert found.size.asset_bytes == 10


def test_a_clinic_does_bring_its_subjects_when_it_is_the_root():
    rows, _, _ = rows_of(study(), "eye:Clinic", "C1")
    assert rows["eye:Subject"] == ["S1", "S2"]
    assert rows["eye:Observation"] == ["O1", "O2"]


def test_following_an_association_brings_what_belongs_to_the_partners_but_does_not_come_back():
    rows, _, associations = rows_of(study(), "eye:Subject", "S1", Offers(follow=("eye:Subject_Image",)))
    assert rows["eye:Mark"] == ["M1"]
    # The other subject of the picture comes as the far side of its association row, without its observations.
    assert rows["eye:Subject_Image"] == ["A1", "A2"]
    assert rows["eye:Subject"] == ["S1", "S2"]
    assert rows["eye:Observation"] == ["O1"]
    assert rows["deriva-ml:Dataset"] == ["D1"]
    assert associations["eye:Subject_Image"].current
    assert not associations["eye:Subject_Image"].default


def test_the_cost_of_an_offer_is_what_switching_it_does():
    tables = study()
    _, before, associations = rows_of(tables, "eye:Subject", "S1")
    offer = associations["eye:Subject_Image"]
    _, after, associations_after = rows_of(tables, "eye:Subject", "S1", Offers(follow=(offer.key,)))
    assert offer.cost == after.size - before.size
    assert associations_after[offer.key].cost == before.size - after.size
    assert offer.cost.rows > 0


def test_a_dataset_brings_its_members_with_what_belongs_to_them_and_its_nested_datasets():
    rows, _, associations = rows_of(study(), "deriva-ml:Dataset", "D1")
    assert rows["deriva-ml:Dataset"] == ["D1", "D2"]
    assert rows["eye:Image"] == ["I1", "I2"]
    assert rows["eye:Mark"] == ["M1", "M2"]
    assert associations["deriva-ml:Dataset_Image"].default
    assert associations["deriva-ml:Dataset_Dataset"].default
    assert associations["deriva-ml:Dataset_Image"].current

    rows, _, _ = rows_of(study(), "deriva-ml:Dataset", "D1", Offers(stop=("deriva-ml:Dataset_Dataset",)))
    assert rows["deriva-ml:Dataset"] == ["D1", "D2"]
    assert rows["eye:Image"] == ["I1"]


def test_a_nested_dataset_does_not_bring_the_members_of_those_that_hold_it():
    rows, _, _ = rows_of(study(), "deriva-ml:Dataset", "D2")
    assert rows["deriva-ml:Dataset"] == ["D1", "D2"]
    assert rows["eye:Image"] == ["I2"]


def test_a_member_does_not_bring_the_other_members_of_its_dataset():
    rows, _, associations = rows_of(study(), "eye:Image", "I2")
    assert rows["deriva-ml:Dataset"] == ["D2"]
    assert rows["eye:Image"] == ["I2"]
    assert not associations["deriva-ml:Dataset_Image"].default


def test_a_table_left_out_is_not_gone_through_and_references_to_it_are_told():
    rows, found, _ = rows_of(study(), "eye:Subject", "S1", Offers(exclude=("eye:Clinic", "eye:Subject_Image")))
    assert set(rows) == {"eye:Subject", "eye:Observation", "eye:Species"}
    told = {(str(d.table), str(d.referenced), d.rows, d.reason) for d in found.dangling}
    assert told == {("eye:Subject", "eye:Clinic", 1, "excluded")}


def test_used_terms_only():
    rows, _, _ = rows_of(study(), "eye:Subject", "S1", Offers(vocabularies="used"))
    assert rows["eye:Species"] == ["V1"]


def test_a_term_as_the_root_goes_down():
    rows, _, _ = rows_of(study(), "eye:Species", "V1", Offers(vocabularies="used"))
    assert rows["eye:Subject"] == ["S1"]
    assert rows["eye:Species"] == ["V1"]


def test_tables_that_may_not_be_read_are_named():
    tables = study()
    tables["eye:Observation"].select = False
    tables["eye:Clinic"].select = False
    tables["eye:Subject_Image"].hidden_columns = ["Subject"]
    rows, found, _ = rows_of(tables, "eye:Subject", "S1")
    assert set(rows) == {"eye:Subject", "eye:Species"}
    assert [str(hidden) for hidden in found.hidden] == ["eye:Clinic", "eye:Observation", "eye:Subject_Image (Subject)"]
    assert [(d.reason, str(d.referenced)) for d in found.dangling] == [("hidden", "eye:Clinic")]


def test_a_table_that_nothing_leads_to_is_not_called_hidden():
    tables = study()
    tables["eye:Mark"].select = False  # belongs to images, which come as partners only
    _, found, _ = rows_of(tables, "eye:Subject", "S1")
    assert found.hidden == ()


def test_rows_that_are_not_there_or_not_seen_are_counted():
    tables = study()
    tables["eye:Clinic"].rows.clear()
    _, found, _ = rows_of(tables, "eye:Subject", "S1")
    assert [(str(d.referenced), d.rows, d.reason) for d in found.dangling] == [("eye:Clinic", 1, "missing")]


def test_tables_without_rows_are_told_when_the_rule_leads_to_them():
    tables = study()
    tables["eye:Observation"].rows.clear()
    _, found, _ = rows_of(tables, "eye:Subject", "S1")
    empty = [(str(t.name), t.role) for t in found.tables if not t.rows]
    assert ("eye:Observation", Role.DOWN) in empty


def test_who_made_a_row_is_not_followed():
    tables = {
        "public:ERMrest_Client": T(columns=["ID"], rows=[{"RID": "P1", "ID": "me"}]),
        "s:A": T(refs=[ref("RCB", "public:ERMrest_Client", "ID")], rows=[{"RID": "A1", "RCB": "me"}]),
    }
    rows, found, _ = rows_of(tables, "s:A", "A1")
    assert set(rows) == {"s:A"}
    assert found.hidden == ()


def test_self_references_and_cycles_come_to_an_end():
    tables = {
        "lab:Animal": T(
            columns=["Mother"],
            refs=[ref("Mother", "lab:Animal")],
            rows=[
                {"RID": "1", "Mother": None},
                {"RID": "2", "Mother": "1"},
                {"RID": "3", "Mother": "2"},
                {"RID": "4", "Mother": "1"},
                {"RID": "5", "Mother": "5"},
            ],
        ),
        "lab:Ping": T(columns=["Pong"], refs=[ref("Pong", "lab:Pong")], rows=[{"RID": "P", "Pong": "Q"}]),
        "lab:Pong": T(
            columns=["Ping", "Animal"],
            refs=[ref("Ping", "lab:Ping"), ref("Animal", "lab:Animal")],
            rows=[{"RID": "Q", "Ping": "P", "Animal": "3"}],
        ),
    }
    rows, _, _ = rows_of(tables, "lab:Animal", "2")
    # Down: the daughter, and what refers to her. Up: the mother, without her other daughter.
    assert rows == {"lab:Animal": ["1", "2", "3"], "lab:Pong": ["Q"], "lab:Ping": ["P"]}


def test_composite_keys_and_two_references_to_one_table():
    tables = {
        "s:Room": T(
            columns=["Site", "No"], keys=[["Site", "No"]],
            rows=[{"RID": "R1", "Site": "N", "No": "1"}, {"RID": "R2", "Site": "N", "No": "2"},
                  {"RID": "R3", "Site": "S", "No": "1"}],
        ),
        "s:Move": T(
            columns=["Site", "No", "From"],
            refs=[(("No", "Site"), "s:Room", ("No", "Site")), ref("From", "s:Room")],
            rows=[
                {"RID": "M1", "Site": "N", "No": "1", "From": "R3"},
                {"RID": "M2", "Site": "N", "No": "2", "From": None},
                {"RID": "M3", "Site": "N", "No": None, "From": "R1"},
                {"RID": "M4", "Site": "S", "No": "2", "From": None},
            ],
        ),
    }  # fmt: skip
    rows, _, _ = rows_of(tables, "s:Room", "R1")
    assert rows == {"s:Room": ["R1", "R3"], "s:Move": ["M1", "M3"]}


@pytest.mark.parametrize(
    "choices",
    [
        Offers(exclude=("eye:Nope",)),
        Offers(exclude=("eye:Subject",)),
        Offers(follow=("eye:Observation",)),
        Offers(follow=("eye:Subject_Image>Nope",)),
        Offers(follow=("eye:Subject_Image",), stop=("eye:Subject_Image",)),
    ],
)
def test_choices_that_make_no_sense_are_told(choices):
    with pytest.raises(SatchelError) as caught:
        check(model_of(study()), TableName("eye", "Subject"), choices)
    assert caught.value.kind is Kind.USAGE


def test_a_misspelt_table_is_corrected():
    with pytest.raises(SatchelError) as caught:
        check(model_of(study()), TableName("eye", "Subject"), Offers(exclude=("eye:Clinik",)))
    assert "eye:Clinic" in caught.value.hint


# -- random catalogs against the plain rule


def random_catalog(dice: random.Random) -> dict[str, T]:
    """Some tables that refer to each other and to themselves in every way that there is."""
    names = [f"s:T{n}" for n in range(dice.randint(3, 6))]
    tables: dict[str, T] = {}
    for name in names:
        kind = dice.choice(["plain", "plain", "plain", "association", "association", "vocabulary"])
        table = T(vocabulary=kind == "vocabulary", select=dice.choice([True] * 24 + [None, False]))
        columns = ["A", "B"]  # a composite key that others may refer to
        references = []
        for n in range(dice.randint(2, 3) if kind == "association" else dice.randint(1, 3)):
            other = dice.choice(names)
            if kind == "association" or dice.random() < 0.7:
                references.append(((f"F{n}",), other, ("RID",)))
                columns.append(f"F{n}")
            else:
                references.append(((f"F{n}", f"G{n}"), other, ("A", "B")))
                columns += [f"F{n}", f"G{n}"]
        table.columns, table.refs = columns, references
        table.keys = [["F0", "F1"]] if kind == "association" else [["A", "B"]]
        if references and dice.random() < 0.05:
            table.hidden_columns = [references[0][0][0]]
        tables[name] = table
    for n, table in enumerate(tables.values()):
        table.rows += [{"RID": f"{n}-{r}", "A": str(r // 2), "B": str(r % 2)} for r in range(dice.randint(1, 7))]
    for table in tables.values():
        for row, (own, other, theirs) in itertools.product(table.rows, table.refs):
            if (there := tables[other].rows) and dice.random() < 0.85:
                found = dice.choice(there)
                row.update(zip(own, (found[column] for column in theirs), strict=True))
            elif dice.random() < 0.3:
                row[own[0]] = "gone"
    return tables


def random_question(seed: int):
    """A catalog, a record in it, and somebody's choices."""
    dice = random.Random(seed)
    while True:
        tables = random_catalog(dice)
        if roots := [name for name, t in tables.items() if t.rows and t.select is not False]:
            break
    sides = {other for t in tables.values() if t.keys == [["F0", "F1"]] for _, other, _ in t.refs[:2]}
    root = dice.choice([name for name in roots if name in sides and not tables[name].vocabulary] or roots)
    rid = dice.choice(tables[root].rows)["RID"]
    model = model_of(tables)
    found = offers(model, TableName.parse(root))
    back = [f"{o.association}>{','.join(way[0].columns)}" for o in found for way in o.ways]
    keys = sorted({o.key for o in found} | set(back))
    follow = tuple(key for key in keys if dice.random() < 0.3)
    others = sorted(set(tables) - {root})
    exclude = tuple(name for name in others if dice.random() < 0.1)
    return tables, model, root, rid, Offers(follow=follow, exclude=exclude, vocabularies=dice.choice(["whole", "used"]))


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_random_catalogs_agree_with_the_plain_rule(seed, everything):
    tables, model, root, rid, choices = random_question(seed)
    chosen = check(model, TableName.parse(root), choices)
    belongs, comes = reached(
        tables, model, (root, rid), chosen.ways, frozenset(choices.exclude), choices.vocabularies == "whole"
    )
    rows, found, associations = rows_of(tables, root, rid, choices, everything)
    assert {(name, r) for name, rids in rows.items() for r in rids} == comes
    assert found.size.rows == len(comes)
    counts = Counter(name for name, _ in comes)
    for table in found.tables:
        assert table.rows == counts[str(table.name)]
        assert table.whole == (table.rows == len(tables[str(table.name)].rows))
        if any(name == str(table.name) for name, _ in belongs):
            assert table.role in (Role.ROOT, Role.DOWN, Role.VOCABULARY)
    if everything:
        for offer in associations.values():
            key = offer.key
            follow = tuple(k for k in choices.follow if k != key)
            stop = tuple(k for k in choices.stop if k != key)
            other = Offers(
                follow=follow if offer.current else (*follow, key),
                stop=(*stop, key) if offer.current else stop,
                exclude=choices.exclude,
                vocabularies=choices.vocabularies,
            )
            ways = check(model, TableName.parse(root), other).ways
            if (ways < chosen.ways) if offer.current else (ways > chosen.ways):
                _, after = reached(
                    tables, model, (root, rid), ways, frozenset(choices.exclude), choices.vocabularies == "whole"
                )
                assert offer.cost is not None
                assert offer.cost.rows == len(after) - len(comes)
