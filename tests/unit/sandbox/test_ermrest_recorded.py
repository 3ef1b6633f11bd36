"""The recorded answers of a real ERMrest to every kind of reading, byte for byte."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from ermrest_eye import CLIENTS, DATA, SNAPSHOTS, eye_study, model

from satchel.sandbox.ermrest import compile as compiler
from satchel.sandbox.ermrest import render, url
from satchel.sandbox.ermrest.model import ErmrestError, Model

READS: list[dict[str, Any]] = json.loads((DATA / "reads.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def phases() -> Iterator[dict[int, tuple[sqlite3.Connection, Model]]]:
    made: dict[int, tuple[sqlite3.Connection, Model]] = {}
    for phase in {entry["phase"] for entry in READS}:
        connection = sqlite3.connect(":memory:")
        made[phase] = connection, eye_study(connection, phase)
    yield made
    for connection, _ in made.values():
        connection.close()


@pytest.mark.parametrize("entry", READS, ids=[entry["name"] for entry in READS])
def test_answers_as_recorded(entry: dict[str, Any], phases: dict[int, tuple[sqlite3.Connection, Model]]) -> None:
    connection, now = phases[entry["phase"]]
    at = None
    if entry["at"]:
        at, phase = SNAPSHOTS[entry["at"]]
        now = model(phase)
    client = CLIENTS[entry["as"]]
    if entry["status"] != 200:
        with pytest.raises(ErmrestError) as caught:
            compiler.select(url.parse(entry["api"], entry["path"], entry["query"]), now, client, at)
        assert caught.value.status == entry["status"]
        if "LexToken" not in entry["body"]:
            assert caught.value.body == entry["body"]
        return
    query = url.parse(entry["api"], entry["path"], entry["query"])
    media = render.negotiate(entry["accept"], query)
    assert media == entry["type"]
    assert render.disposition(query, media) == entry["disposition"]
    compiled = compiler.select(query, now, client, at)
    body = b"".join(render.rows(compiled, connection.cursor(), media))
    assert body.decode() == entry["body"]
