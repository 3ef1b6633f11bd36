"""A request as the command that does the same, for "copy as command". What it prints, `satchel.cli` reads back.

It holds names of files with secrets at most, never what is in them, as requests do.
"""

from __future__ import annotations

import shlex

from satchel.core.bags.compare import DiffRequest
from satchel.core.bags.inspecting import InspectRequest
from satchel.core.bags.making import BagRequest
from satchel.core.bags.packing import ArchiveRequest
from satchel.core.bags.rebagging import RebagRequest
from satchel.core.bags.unpacking import ExtractRequest
from satchel.core.bags.validate import ValidateRequest
from satchel.core.clone.localize_request import LocalizeRequest
from satchel.core.clone.request import CloneRequest
from satchel.core.export.datasets.request import DatasetRequest
from satchel.core.export.request import AssetChoice, ExportRequest
from satchel.core.export.spec.request import SpecRequest
from satchel.core.fetching.request import MaterializeRequest
from satchel.core.identifiers.checking import CheckRequest
from satchel.core.identifiers.minting import MintRequest
from satchel.core.identifiers.request import ResolveRequest
from satchel.core.jobs.request import Access, Request

PROGRAM = "satchel"


def command_line(request: Request) -> str:
    """The command that does what the request asks for, quoted for a POSIX shell.

    What the command would do anyway is left out.

    Raises:
        TypeError: there is no command for such a request.
    """
    return shlex.join(arguments(request))


def arguments(request: Request) -> list[str]:
    """The same as separate words, the program's name first.

    Raises:
        TypeError: there is no command for such a request.
    """
    match request:
        case ExportRequest():
            return _words("export", [request.host, request.catalog], [*_export(request), *_access(request.access)])
        case SpecRequest() if request.file or (request.table and request.label):
            return _words("export", [request.host, request.catalog], [*_spec(request), *_access(request.access)])
        case CloneRequest():
            source = [] if request.from_bag else [request.host, request.catalog, request.rid]
            return _words("clone", source, [*_clone(request), *_access(request.access)])
        case DatasetRequest():
            return _words("export", [request.host, request.catalog], [*_dataset(request), *_access(request.access)])
        case LocalizeRequest():
            names = [request.host, request.catalog, request.table, *request.rids]
            return _words("localize", names, [*_localize(request), *_access(request.access)])
        case ValidateRequest():
            level = [] if request.level == "full" else _option("level", request.level)
            profile = _option("profile", request.profile) if request.profile else []
            trust = [word for file in request.ca for word in _option("ca", file)]
            size = ["--any-size"] if request.any_size else []
            return _words("validate", [request.path], [*level, *profile, *trust, *size])
        case MaterializeRequest():
            return _words("materialize", [request.path], [*_materialize(request), *_access(request.access)])
        case ArchiveRequest():
            kind = [] if request.format == "zip" else _option("format", request.format)
            out = [] if request.out is None else _option("out", request.out)
            return _words("archive", [request.path], [*kind, *out])
        case ExtractRequest():
            return _words("extract", [request.path], [] if request.into is None else _option("into", request.into))
        case InspectRequest():
            return _words("inspect", [request.path], [])
        case DiffRequest():
            return _words("diff", [request.path, request.other], [] if request.rows else ["--files-only"])
        case BagRequest():
            return _words("bag", [request.path], _bag(request))
        case RebagRequest():
            words = [word for field in request.info for word in _option("info", "=".join(field))]
            words += [word for label in request.remove for word in _option("remove", label)]
            words += ["--remanifest"] if request.remanifest else []
            words += [word for algorithm in request.algorithms or () for word in _option("algorithm", algorithm)]
            return _words("rebag", [request.path], words)
        case MintRequest():
            return _words("mint", [request.host, request.catalog], [*_mint(request), *_access(request.access)])
        case ResolveRequest():
            words = [*(_option("out", request.out) if request.out else []), *(["--open"] if request.open else [])]
            words += [] if request.level == "full" else _option("level", request.level)
            words += _option("service", request.service) if request.service else []
            words += ["--allow-private"] if request.allow_private else []
            words += ["--any-size"] if request.any_size else []
            return _words("resolve", [request.identifier], [*words, *_access(request.access)])
        case CheckRequest():
            full = ["--full"] if request.full else []
            return _words("identifiers", ["check", *request.identifiers], [*full, *_access(request.access)])
    raise TypeError(f"there is no command for {type(request).__name__}")


def _mint(request: MintRequest) -> list[str]:
    place = request.place
    words = _option("dataset", request.dataset)
    said: list[tuple[str, str]] = [
        ("version", request.version or ""),
        ("release", request.release),
        ("describe", request.description),
        ("title", request.name),
        *(("author", author) for author in request.authors),
        *(("visible-to", who) for who in request.visible_to if request.visible_to != ("public",)),
        ("bucket", f"s3://{place.bucket}/{place.prefix}".rstrip("/") if place.bucket else ""),
        ("endpoint", place.endpoint),
        ("region", place.region),
        ("aws-profile", place.aws_profile),
        ("public-url", place.public_url),
        ("acl", "none" if place.acl == "none" else ""),
        ("service", request.service),
        ("layout", request.layout if request.layout != "complete" else ""),
        *(("untick", table) for table in request.offers.exclude),
        *(("follow", key) for key in request.offers.follow),
        *(("no-follow", key) for key in request.offers.stop),
        ("vocabularies", request.offers.vocabularies if request.offers.vocabularies != "whole" else ""),
        *(("algorithm", a) for a in request.algorithms if request.algorithms != ("md5", "sha256")),
    ]
    for name, value in said:
        words += _option(name, value) if value else []
    switches = (
        ("--test", request.test),
        ("--server-side", request.way == "server"),
        ("--materialize", request.materialize),
        ("--replace", request.replace),
        ("--allow-incomplete", request.incomplete),
    )
    return [*words, *(switch for switch, on in switches if on)]


def _export(request: ExportRequest) -> list[str]:
    plain = ExportRequest(host="", catalog="", rid="", out="")
    words = [*_option("rid", request.rid), *_option("out", request.out)]
    if request.snapshot is not None:
        words += _option("snapshot", request.snapshot)
    for table in request.offers.exclude:
        words += _option("untick", table)
    for key in request.offers.follow:
        words += _option("follow", key)
    for key in request.offers.stop:
        words += _option("no-follow", key)
    if request.offers.vocabularies != plain.offers.vocabularies:
        words += _option("vocabularies", request.offers.vocabularies)
    if request.archive != plain.archive:
        words += _option("archive", request.archive)
    if request.materialize:
        words.append("--materialize")
    if request.algorithms != plain.algorithms:
        for algorithm in request.algorithms:
            words += _option("algorithm", algorithm)
    if request.name is not None:
        words += _option("name", request.name)
    words += _chosen_assets(request.assets)
    words += _said(request.info)
    if request.ro_crate:
        words.append("--ro-crate")
    if request.server_side:
        words.append("--server-side")
    if not request.use_cache:
        words.append("--no-cache")
    return words


def _chosen_assets(choice: AssetChoice) -> list[str]:
    words = [word for table in choice.tables for word in _option("asset-table", table)]
    words += [word for pattern in choice.patterns for word in _option("asset-pattern", pattern)]
    for name, value in (("largest", choice.largest), ("bytes", choice.bytes), ("count", choice.count)):
        if value is not None:
            words += _option(f"asset-{name}", str(value))
    return words


def _said(info: tuple[tuple[str, str], ...]) -> list[str]:
    """Fields of bag-info. They are written out, so that the command says the same for everybody who runs it."""
    words = [word for label, value in info for word in _option("info", f"{label}={value}")]
    return [*words, "--no-profile"] if words else []


def _spec(request: SpecRequest) -> list[str]:
    """The options of a spec that was read from a file, or made of a template."""
    if request.file:
        words = _option("spec", request.file)
        words += [word for name, value in request.env.items() for word in _option("env", f"{name}={value}")]
    else:
        words = [*_option("table", request.table or ""), *_option("template", request.label)]
    for name, value in (
        ("rid", request.rid),
        ("out", request.out),
        ("snapshot", request.snapshot),
        ("name", request.name),
    ):
        if value:
            words += _option(name, value)
    words += [] if request.archive == "spec" else _option("archive", request.archive)
    words += [word for algorithm in request.algorithms for word in _option("algorithm", algorithm)]
    if request.timeout is not None:
        words += _option("timeout", f"{request.timeout:g}")
    switches = (
        ("--materialize", request.materialize),
        ("--ro-crate", request.ro_crate),
        ("--server-side", request.server_side),
        ("--no-cache", not request.use_cache),
    )
    words += [switch for switch, on in switches if on]
    return [*words, *_chosen_assets(request.assets), *_said(request.info)]


def _clone(request: CloneRequest) -> list[str]:
    plain = CloneRequest(host="", catalog="", rid="")
    words: list[str] = []
    chosen = request.selection
    for name, value in (
        ("from-bag", request.from_bag),
        ("snapshot", request.snapshot),
        ("to", request.to_host),
        ("to-catalog", request.to_catalog),
        ("alias", request.alias),
    ):
        if value is not None:
            words += _option(name, value)
    for name, values in (
        ("untick", chosen.exclude),
        ("exclude-schema", chosen.exclude_schemas),
        ("include", chosen.include),
        ("include-schema", chosen.include_schemas),
        ("follow", chosen.follow),
        ("no-follow", chosen.stop),
        ("orphans-for", [f"{place}={strategy}" for place, strategy in request.orphans_for.items()]),
    ):
        words += [word for each in values for word in _option(name, each)]
    for name, value, default in (
        ("vocabularies", chosen.vocabularies, plain.selection.vocabularies),
        ("assets", request.assets, plain.assets),
        ("orphans", request.orphans, plain.orphans),
        ("concurrency", str(request.concurrency), str(plain.concurrency)),
    ):
        if value != default:
            words += _option(name, value)
    for name, on in (
        ("no-associations", not chosen.associations),
        ("by-annotation", chosen.by_annotation),
        ("no-annotations", not request.copy_annotations),
        ("no-policy", not request.copy_policy),
        ("prune-hidden-fkeys", request.prune_hidden_fkeys),
        ("truncate-oversized", request.truncate_oversized),
        ("no-ml-schema", not request.add_ml_schema),
        ("no-new-versions", not request.reinitialize_dataset_versions),
        ("dry-run", request.dry_run),
    ):
        words += [f"--{name}"] if on else []
    there = request.dest_access
    if there is not None and there.credential is not None:
        words += _option("dest-credential", there.credential)
    if there is not None and there.ca != request.access.ca:
        words += [word for ca in there.ca for word in _option("dest-ca", ca)]
    return words


def _dataset(request: DatasetRequest) -> list[str]:
    words = [*_option("dataset", request.dataset), *_option("out", request.out)]
    if request.version is not None:
        words += _option("version", request.version)
    if request.archive not in ("spec", "zip"):
        words += _option("archive", request.archive)
    if request.materialize:
        words.append("--materialize")
    for algorithm in request.algorithms:
        words += _option("algorithm", algorithm)
    if request.name is not None:
        words += _option("name", request.name)
    words += _chosen_assets(request.assets)
    words += _said(request.info)
    if request.ro_crate:
        words.append("--ro-crate")
    if request.server_side:
        words.append("--server-side")
    if not request.use_cache:
        words.append("--no-cache")
    return words


def _localize(request: LocalizeRequest) -> list[str]:
    plain = LocalizeRequest(host="", catalog="", table="")
    words: list[str] = []
    for name, value in (
        ("source-host", request.source_host),
        ("namespace", request.namespace),
        ("audit", request.audit),
        ("chunk-size", str(request.chunk) if request.chunk != plain.chunk else None),
        ("chunked-above", str(request.chunked_above) if request.chunked_above != plain.chunked_above else None),
        ("source-credential", request.source_access.credential),
    ):
        if value is not None:
            words += _option(name, value)
    return [*words, *(["--dry-run"] if request.dry_run else [])]


def _materialize(request: MaterializeRequest) -> list[str]:
    words = [word for pattern in request.only for word in _option("only", pattern)]
    words += [word for path in request.pick for word in _option("pick", path)]
    words += [word for path in request.skip for word in _option("skip", path)]
    if request.largest is not None:
        words += _option("largest", str(request.largest))
    if request.repair:
        words.append("--repair")
    for host in request.hosts:
        words += _option("host", host)
    if request.allow_private:
        words.append("--allow-private")
    if request.check != MaterializeRequest(path="").check:
        words += _option("check", request.check)
    return words


def _bag(request: BagRequest) -> list[str]:
    words = [] if request.out is None else _option("out", request.out)
    if request.how != "copy":
        words.append(f"--{request.how}")
    if request.name is not None:
        words += _option("name", request.name)
    words += [word for field in request.info for word in _option("info", "=".join(field))]
    if request.algorithms != BagRequest(path="").algorithms:
        words += [word for algorithm in request.algorithms for word in _option("algorithm", algorithm)]
    return words


def _access(access: Access) -> list[str]:
    words = [word for ca in access.ca for word in _option("ca", ca)]
    return words if access.credential is None else [*words, *_option("credential", access.credential)]


def _option(name: str, value: str) -> list[str]:
    # In one word where the value could be taken for an option itself.
    return [f"--{name}={value}"] if value.startswith("-") else [f"--{name}", value]


def _words(command: str, positional: list[str], options: list[str]) -> list[str]:
    if any(word.startswith("-") for word in positional):
        return [PROGRAM, command, *options, "--", *positional]
    return [PROGRAM, command, *positional, *options]
