"""Transforms of a spec: files that queries have made become others. Blocking: they run in a thread.

They give what deriva-py 1.7.12's give on the same input, and work where those fail: the output's folder is made where
it is missing, `fasta` works (deriva-py's raises AttributeError), `column` takes an input without rows. `geo` is
deriva-py's own, in a process of its own (`satchel.core.export.spec.peer`).
"""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from typing import IO, Any

from satchel.core.bags.digests import StoppedError
from satchel.core.errors import Kind
from satchel.core.export.errors import ConfigurationError, ExportError
from satchel.core.export.spec import narrowing
from satchel.core.export.spec.model import Step

NATIVE = ("cat", "interpolation", "strsub", "fasta", "json2csv", "column", narrowing.NAME)
FUNCTIONS = ("add", "replace", "delete")
SUBSTITUTION = frozenset({"pattern", "repl", "input", "output"})


class _Unix(csv.Dialect):
    """deriva-py's dialect of CSV for `json2csv`."""

    delimiter = ","
    quotechar = '"'
    doublequote = True
    skipinitialspace = False
    lineterminator = "\n"
    quoting = csv.QUOTE_MINIMAL


def transform(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    """Make one file of others.

    Args:
        step: the processor; one of `NATIVE`.
        inputs: its input files.
        output: the file to make; its folder is made, too.
        stop: ends it with `StoppedError` when set.

    Raises:
        ConfigurationError: parameters that make no sense.
        ExportError: an input is not what the transform takes.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f".{output.name}.part")
    try:
        _DO[step.kind](step, inputs, part, stop)
        part.replace(output)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ExportError(
            Kind.INVALID,
            f"The transform {step.kind} ({step.where}) cannot read {inputs[0].name}: {error}.",
            "It takes JSON, or a stream of JSON objects, a line each.",
        ) from error
    finally:
        part.unlink(missing_ok=True)


def _cat(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    # As text: what ends lines in another way is made to end them with a line feed, as deriva-py has it.
    with output.open("w", encoding="utf-8") as target:
        for path in inputs:
            with path.open(encoding="utf-8") as source:
                for line in source:
                    _look(stop)
                    target.write(line)


def _interpolation(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    template = step.params.get("template")
    if not isinstance(template, str):
        raise ConfigurationError("interpolation needs a template", where=f"{step.where}/processor_params")
    made = Template(template)
    with output.open("w", encoding="utf-8") as target:
        for row in _lines(inputs[0], stop):
            target.write(made.safe_substitute(row))


def _strsub(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    rules = substitutions(step)
    with output.open("w", encoding="utf-8") as target:
        for row in _lines(inputs[0], stop):
            for pattern, replacement, source, goal in rules:
                if source not in row:
                    raise _missing(step, source)
                if not isinstance(row[source], str):
                    raise ExportError(
                        Kind.INVALID,
                        f"strsub ({step.where}) wants a text in {source}, and there is {row[source]!r}.",
                        "Leave such rows out with a filter in the query, or use another column.",
                    )
                row[goal] = pattern.sub(replacement, row[source])
            target.write(json.dumps(row) + "\n")


def substitutions(step: Step) -> list[tuple[re.Pattern[str], str, str, str]]:
    """The rules of a `strsub`. Raises ConfigurationError where one lacks something."""
    where = f"{step.where}/processor_params/substitutions"
    given = step.params.get("substitutions", [])
    if not isinstance(given, list):
        raise ConfigurationError("substitutions is not a list", where=where)
    rules = []
    for n, rule in enumerate(given):
        if not isinstance(rule, Mapping) or set(rule) != SUBSTITUTION:
            raise ConfigurationError(
                f"A substitution has exactly {', '.join(sorted(SUBSTITUTION))}", where=f"{where}/{n}"
            )
        try:
            pattern = re.compile(rule["pattern"])
        except (re.error, TypeError) as error:
            raise ConfigurationError(f"The pattern makes no sense: {error}", where=f"{where}/{n}/pattern") from None
        rules.append((pattern, str(rule["repl"]), str(rule["input"]), str(rule["output"])))
    return rules


def _json2csv(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    dialect = step.params.get("csv_dialect", "unix_comma_quotemin")
    if dialect != "unix_comma_quotemin" and dialect not in csv.list_dialects():
        raise ConfigurationError(
            f"There is no dialect {dialect!r} of CSV", "", f"{step.where}/processor_params/csv_dialect"
        )
    chosen: Any = _Unix if dialect == "unix_comma_quotemin" else dialect
    writer: csv.DictWriter[str] | None = None
    with output.open("w", encoding="utf-8", newline="") as target:
        for row in _rows(inputs[0], stop):
            if writer is None:
                writer = csv.DictWriter(target, fieldnames=list(row), dialect=chosen)
                if step.params.get("include_header", True):
                    writer.writeheader()
            try:
                writer.writerow(row)
            except ValueError as error:
                raise ExportError(
                    Kind.INVALID, f"json2csv ({step.where}): the rows have not all the same columns.", "", str(error)
                ) from error


def _column(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    where = f"{step.where}/processor_params/column_transforms"
    rules = step.params.get("column_transforms", {})
    if not isinstance(rules, Mapping):
        raise ConfigurationError("column_transforms is not an object", where=where)
    with output.open("w", encoding="utf-8") as target:
        for row in _rows(inputs[0], stop):
            for name, rule in rules.items():
                _change(step, row, str(name), rule)
            target.write(json.dumps(row, ensure_ascii=False) + "\n")


def _change(step: Step, row: dict[str, Any], name: str, rule: Any) -> None:
    where = f"{step.where}/processor_params/column_transforms/{name}"
    function = rule.get("fn") if isinstance(rule, Mapping) else None
    value = rule.get("value") if isinstance(rule, Mapping) else None
    try:
        if function == "add":
            row[name] = value
        elif function == "delete":
            del row[name]
        elif function == "replace" and isinstance(value, Mapping):
            found = row[value["key"]]
            row[name] = found[value["value"]] if value.get("value") else found
        else:
            raise ConfigurationError(
                f"There is no column function {function!r} of this form", f"There are {', '.join(FUNCTIONS)}.", where
            )
    except (KeyError, TypeError, IndexError) as error:
        raise _missing(step, str(error)) from error


def _fasta(step: Step, inputs: Sequence[Path], output: Path, stop: threading.Event) -> None:
    roles = step.params.get("column_map") or {}
    if not isinstance(roles, Mapping):
        raise ConfigurationError("column_map is not an object", where=f"{step.where}/processor_params/column_map")
    with output.open("w", encoding="utf-8") as target:
        for row in _rows(inputs[0], stop):
            if len(row) == 1:
                target.write(f"{next(iter(row.values()))}\n")
                continue
            if not roles:
                raise ConfigurationError(
                    "fasta needs a column_map where rows have more than one column",
                    'Say for each column whether it is "comment" or "data".',
                    f"{step.where}/processor_params",
                )
            comments = [str(v) for k, v in row.items() if roles.get(k) == "comment"]
            data = [str(v) for k, v in row.items() if roles.get(k) == "data"]
            target.write(f"{'> ' + ' | '.join(comments) if comments else ''}\n{''.join(data)}\n")


_DO: dict[str, Callable[[Step, Sequence[Path], Path, threading.Event], None]] = {
    "cat": _cat,
    "interpolation": _interpolation,
    "strsub": _strsub,
    "json2csv": _json2csv,
    "column": _column,
    "fasta": _fasta,
    narrowing.NAME: narrowing.narrow,
}


def _lines(path: Path, stop: threading.Event) -> Iterator[dict[str, Any]]:
    """Rows of a stream of JSON objects."""
    with path.open(encoding="utf-8") as source:
        for line in source:
            _look(stop)
            yield _object(json.loads(line), path)


def _rows(path: Path, stop: threading.Event) -> Iterator[dict[str, Any]]:
    """Rows of JSON, an array or a stream."""
    with path.open(encoding="utf-8") as source:
        stream = _is_stream(source)
        for row in source if stream else json.load(source):
            _look(stop)
            yield _object(json.loads(row) if stream else row, path)


def _is_stream(source: IO[str]) -> bool:
    line = source.readline().lstrip()
    source.seek(0)
    return line.startswith("{") and line.endswith("}\n")


def _object(row: Any, path: Path) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise ExportError(Kind.INVALID, f"{path.name} holds {str(row)[:50]!r} where a row is needed.")
    return row


def _missing(step: Step, column: str) -> ExportError:
    return ExportError(
        Kind.INVALID,
        f"{step.kind} ({step.where}) finds no column {column} in a row.",
        "Check the columns of the query that makes its input.",
    )


def _look(stop: threading.Event) -> None:
    if stop.is_set():
        raise StoppedError
