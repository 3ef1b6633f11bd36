"""The models, each under Qt's own tester."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester

from satchel.core.bags.validate import Problem
from satchel.core.deriva.browse import Row, RowPage
from satchel.core.deriva.model import Column
from satchel.core.deriva.model_reader import read_model
from satchel.core.jobs.views import JobView, StageView
from satchel.gui.bags.kinds import Group, grouped
from satchel.gui.bags.problems_model import ProblemsModel
from satchel.gui.bags.problems_view import ProblemsView
from satchel.gui.bags.verdict import Findings
from satchel.gui.catalog.rows_model import RowsModel
from satchel.gui.catalog.tree_model import TreeModel, kind_of
from satchel.gui.engine_bridge import JobsModel
from satchel.gui.jobs_words import progress
from satchel.gui.widgets.table import FullTextRole

pytestmark = pytest.mark.usefixtures("app")


def job(number: int, state: str = "running", **more: Any) -> JobView:
    return JobView(
        id=str(number), kind="export", title=f"Job {number}", request=None, state=state, created=float(number), **more
    )


def columns(*names: str, typename: str = "text") -> tuple[Column, ...]:
    return tuple(Column(name, typename, True, "", {}, True) for name in names)


def page(first: int, count: int, more: bool) -> RowPage:
    made = columns("RCT", "Name", "RID")
    rows = tuple(
        Row(f"1-{n:04}", (f"2024-{n}", f"name {n}", f"1-{n:04}"), (f"2024-{n}", f"name {n}", f"1-{n:04}"))
        for n in range(first, first + count)
    )
    return RowPage(made, rows, (f"1-{first + count:04}",) if more else None)


def test_jobs(qtmodeltester: ModelTester) -> None:
    model = JobsModel()
    qtmodeltester.check(model, force_py=False)
    changes: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last: changes.append((first.row(), last.row())))
    assert model.put([job(3), job(2), job(1, "done")])
    assert not model.put([job(3), job(2), job(1, "done")]), "nothing differs"
    assert changes == []
    assert model.put([job(3), job(2, "done"), job(1, "done")])
    assert changes == [(1, 1)], "only what changed is told"
    assert model.put([job(3)])
    assert model.rowCount() == 1
    assert model.index(0).data() == "Job 3"
    assert model.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == "Job 3, running"


def test_progress_is_known_only_where_it_is_known() -> None:
    stage = StageView("a", "Reading", "rows", 30, 120, "", "", "begun", 1.0, 5.0, ())
    assert progress(job(1, stages=(stage,))) == (0.25, "Reading")
    blind = StageView("b", "The server prepares", "", 3, None, "", "", "begun", 1.0, 0.0, ())
    assert progress(job(1, stages=(stage, blind))) == (None, "The server prepares")
    assert progress(job(1, "queued")) == (None, "Waiting to start")


def test_rows_grow_as_they_are_wanted(qtmodeltester: ModelTester) -> None:
    model = RowsModel()
    model.begin(page(0, 200, more=True))
    qtmodeltester.check(model, force_py=False)
    wanted: list[bool] = []
    model.wanted.connect(lambda: wanted.append(True))
    model.fetchMore(QModelIndex())
    model.fetchMore(QModelIndex())
    # The tester asks too; however often it is asked, a page is wanted once.
    assert wanted in ([], [True])
    model.more(page(200, 50, more=False))
    assert model.rowCount() == 250
    assert not model.canFetchMore(QModelIndex())
    assert [model.headerData(c, Qt.Orientation.Horizontal) for c in range(3)] == ["RID", "Name", "RCT"]
    assert model.index(249, 0).data() == "1-0249"
    assert model.value(249, "Name") == "name 249"
    assert model.place_of("1-0203") == 203
    assert model.place_of("1-9999") == -1


def test_null_empty_and_long_cells_can_be_told_apart() -> None:
    model = RowsModel()
    long = "first line\nsecond " + "x" * 500
    model.begin(RowPage(columns("A", "B", "C"), (Row("", ("", "", long), (None, "", long)),), None))
    assert model.index(0, 0).data() == "null"
    assert model.index(0, 0).data(Qt.ItemDataRole.FontRole).italic()
    assert model.index(0, 1).data() == ""
    assert model.index(0, 1).data(Qt.ItemDataRole.FontRole) is None
    shown = model.index(0, 2).data()
    assert "\n" not in shown
    assert len(shown) < 250
    assert model.index(0, 2).data(FullTextRole) == long
    assert model.index(0, 0).data(FullTextRole) == "", "null is copied as nothing"


def schema() -> Any:
    """A small /schema document: a table, a vocabulary, one that may not be read."""

    def table(schema: str, name: str, columns: list[str], **more: Any) -> dict[str, Any]:
        return {
            "schema_name": schema,
            "table_name": name,
            "kind": "table",
            "comment": None,
            "annotations": {},
            "column_definitions": [
                {"name": c, "type": {"typename": "text"}, "nullok": True, "comment": None, "annotations": {}}
                for c in columns
            ],
            "keys": [{"unique_columns": ["RID"]}],
            "foreign_keys": [],
            **more,
        }

    vocabulary = ["RID", "ID", "URI", "Name", "Description", "Synonyms"]
    return {
        "schemas": {
            "public": {"tables": {"ERMrest_Client": table("public", "ERMrest_Client", ["RID"])}},
            "eye": {
                "tables": {
                    "Subject": table("eye", "Subject", ["RID", "Name"]),
                    "Species": table("eye", "Species", vocabulary),
                    "Secret": table("eye", "Secret", ["RID"], rights={"select": False}),
                }
            },
        }
    }


def test_tables(qtmodeltester: ModelTester) -> None:
    model = TreeModel()
    qtmodeltester.check(model, force_py=False)
    model.show(read_model(schema()))
    assert [model.index(r, 0).data() for r in range(model.rowCount())] == ["eye", "public"], "the system's come last"
    eye = model.index(0, 0)
    names = [model.index(r, 0, eye).data() for r in range(model.rowCount(eye))]
    assert names == ["Secret", "Species", "Subject"]
    kinds = [kind_of(t) for r in range(3) if (t := model.table(model.index(r, 0, eye)))]
    assert kinds == ["hidden", "vocabulary", "table"]
    told = model.index(0, 0, eye).data(Qt.ItemDataRole.AccessibleTextRole)
    assert told == "Secret, hidden from you"
    model.filter("SPEC")
    assert model.table_count() == 1
    found = model.index_of("eye", "Species")
    assert found.data() == "Species"
    assert model.parent(found).data() == "eye"
    assert not model.index_of("eye", "Subject").isValid()
    model.filter("nothing at all")
    assert model.rowCount() == 0
    model.filter("")
    assert model.table_count() == 4
    model.show(None)
    assert model.rowCount() == 0


def problem(path: str, line: int | None = None) -> Problem:
    return Problem(code="checksum", path=path, message="Checksum differs", line=line)


def test_problems(qtmodeltester: ModelTester) -> None:
    contact = Problem(code="contact", path="", message="No contact is named")
    found = Findings([problem(f"data/{n}.csv") for n in range(3000)], [contact, problem("bag-info.txt", 3)])
    model = ProblemsModel()
    groups = grouped(found)
    model.show(found, groups)
    qtmodeltester.check(model, force_py=False)
    assert [(g.severity, g.title, len(g.places)) for g in groups] == [
        ("error", "Changed files: wrong checksums", 3000),
        ("warning", "Advice: changed files: wrong checksums", 1),
        ("warning", "Advice: contact", 1),
    ]
    changed, advice, named = (model.index(row, 0) for row in range(3))
    assert model.rowCount(changed) == 3000
    assert model.index(0, 0, named).data(Qt.ItemDataRole.AccessibleTextRole) == "warning: No contact is named"
    assert model.index(0, 1, advice).data() == "bag-info.txt, line 3"
    assert advice.siblingAtColumn(1).data() == "1"
    assert model.text(model.index(77, 0, changed)) == "Checksum differs\tdata/77.csv"
    assert list(found.matching("/77.CSV")) == [77]
    assert list(found.matching("line 3")) == [3001]
    assert len(found.matching(" ")) == 3002
    model.show(found, grouped(found, "/77.CSV"))
    assert model.index(0, 1, model.index(0, 0)).data() == "data/77.csv"


def test_a_million_problems_open_at_once(app: QApplication) -> None:
    """Nothing is made for rows that are not shown."""
    asked: set[int] = set()

    class Counting(list[Problem]):
        def __getitem__(self, place: Any) -> Any:
            asked.add(place)
            return super().__getitem__(place)

    model = ProblemsModel()
    view = ProblemsView(model)
    view.resize(800, 400)
    view.show()
    found = Findings(Counting([problem("data/x")] * 1_000_000))
    model.show(found, [Group("checksum", "error", range(len(found)))])
    view.show_groups(set())
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Right)
    QApplication.processEvents()
    assert model.index(0, 1).data() == "1,000,000"
    assert view.lines.rowCount() == 1_000_001
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum())
    QApplication.processEvents()
    assert 0 < len(asked) < 400
    view.deleteLater()


def test_problems_open_and_close_under_their_kinds_and_are_copied(
    app: QApplication, qtmodeltester: ModelTester
) -> None:
    found = Findings([problem(f"data/{n}") for n in range(4)], [problem("data/advice", 7)])
    model = ProblemsModel()
    view = ProblemsView(model)
    view.show()
    model.show(found, grouped(found))
    view.show_groups({0})
    qtmodeltester.check(view.lines, force_py=False)

    def shown() -> list[str]:
        return [view.lines.index(row, 1).data() for row in range(view.lines.rowCount())]

    assert shown() == ["4", "data/0", "data/1", "data/2", "data/3", "1"]
    assert view.lines.index(5, 0).data(Qt.ItemDataRole.AccessibleTextRole).endswith("1, closed")
    view.go_to_row(5)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert shown()[5:] == ["1", "data/advice, line 7"]
    view.go_to(0, 2)
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert view.currentIndex().row() == 0
    QTest.keyClick(view, Qt.Key.Key_Left)
    assert shown() == ["4", "1", "data/advice, line 7"]
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert len(shown()) == 7
    middle = view.visualRect(view.lines.index(0, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(8, middle.y()))
    assert len(shown()) == 3
    view.open(0)
    view.selectAll()
    view.copy()
    assert QApplication.clipboard().text().splitlines() == [
        "Changed files: wrong checksums\t4",
        *(f"Checksum differs\tdata/{n}" for n in range(4)),
        "Advice: changed files: wrong checksums\t1",
        "Checksum differs\tdata/advice, line 7",
    ]
    view.deleteLater()
