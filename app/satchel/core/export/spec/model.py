"""A spec as it is run: typed, every part with the pointer to where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from satchel.core.export.errors import ConfigurationError

QUERIES = ("csv", "json", "json-stream", "env", "dir", "fetch", "download")
TRANSFORMS = ("cat", "interpolation", "strsub", "geo", "fasta", "json2csv", "column")
OWN_TRANSFORMS = ("satchel-narrow-schema",)
"""Of this program alone; specs for others do not have them."""
POSTS = ("cloud_upload", "identifier", "url_rewrite")
EXTENSIONS = {"csv": ".csv", "json": ".json", "json-stream": ".json"}
ACCEPT = {"csv": "text/csv", "json": "application/json", "json-stream": "application/x-json-stream"}
ALGORITHMS = ("md5", "sha1", "sha256", "sha512")
ARCHIVERS = ("zip", "tar", "tgz", "bz2", "xz")
PAGE_SIZE = 100_000
TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
FALSE = frozenset({"n", "no", "f", "false", "off", "0"})


_DERIVA = "deriva.transfer.download.processors."
_CLASSES = {
    "CSVQueryProcessor": "csv",
    "JSONQueryProcessor": "json",
    "JSONStreamQueryProcessor": "json-stream",
    "JSONEnvUpdateProcessor": "env",
    "CreateDirProcessor": "dir",
    "BagFetchQueryProcessor": "fetch",
    "FileDownloadQueryProcessor": "download",
    "ConcatenateTransformProcessor": "cat",
    "InterpolationTransformProcessor": "interpolation",
    "StrSubTransformProcessor": "strsub",
    "GeoExportTransformProcessor": "geo",
    "FastaExportTransformProcessor": "fasta",
    "JSONtoCSVTransformProcessor": "json2csv",
    "ColumnTransformProcessor": "column",
    "FAIRIdentifierPostProcessor": "identifier",
    "Boto3UploadPostProcessor": "cloud_upload",
    "UrlRewritePostProcessor": "url_rewrite",
}


def own_class(name: str) -> str | None:
    """The processor that a `processor_type` names where it is one of deriva-py's own classes."""
    return _CLASSES.get(name.rpartition(".")[2]) if name.startswith(_DERIVA) else None


@dataclass(frozen=True, slots=True)
class Step:
    """One processor of a spec."""

    kind: str
    """The processor's name."""
    params: Mapping[str, Any]
    where: str
    """JSON pointer."""
    impl: str | None = None
    """`processor_type`: a Python class that does it."""

    def text(self, name: str) -> str | None:
        """A parameter that is a text; None where it is missing or empty."""
        value = self.params.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise ConfigurationError(f"{name} is not a text", "", f"{self.where}/processor_params/{name}")
        return value

    def flag(self, name: str, default: bool) -> bool:
        """A parameter that is true or false, also as the texts that deriva-py takes for these."""
        return truth(self.params.get(name, default), f"{self.where}/processor_params/{name}")


@dataclass(frozen=True, slots=True)
class Bag:
    """How the bag is made."""

    name: str | None
    algorithms: tuple[str, ...] = ("sha256",)
    archiver: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    ro: bool = True
    strict: bool = True
    idempotent: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec."""

    env: Mapping[str, Any]
    bag: Bag | None
    """None: files, no bag."""
    queries: tuple[Step, ...]
    transforms: tuple[Step, ...]
    posts: tuple[Step, ...]


def read(document: Any) -> Spec:
    """Read a spec.

    Args:
        document: a JSON object.

    Raises:
        ConfigurationError: it cannot be run; which part, and why. `satchel.core.export.spec.lint` finds all faults.
    """
    if not isinstance(document, Mapping):
        raise ConfigurationError("A spec is a JSON object, and this is none")
    catalog = document.get("catalog")
    if not isinstance(catalog, Mapping):
        raise ConfigurationError('The spec has no "catalog" with its queries', where="/catalog")
    queries = _steps(catalog.get("query_processors"), "/catalog/query_processors", QUERIES, "query")
    if not queries:
        raise ConfigurationError("The spec asks for nothing", where="/catalog/query_processors")
    return Spec(
        env=_object(document.get("env"), "/env"),
        bag=_bag(document.get("bag")),
        queries=queries,
        transforms=_steps(
            document.get("transform_processors"), "/transform_processors", (*TRANSFORMS, *OWN_TRANSFORMS), "transform"
        ),
        posts=_steps(document.get("post_processors"), "/post_processors", POSTS, "post-processing"),
    )


def truth(value: Any, where: str) -> bool:
    """What deriva-py takes for true and false."""
    text = str(value).lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ConfigurationError(f"{value!r} is neither true nor false", where=where)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError("An object is needed here", where=where)
    return value


def _bag(value: Any) -> Bag | None:
    found = _object(value, "/bag")
    if not found:
        return None
    name = found.get("bag_name")
    if name is not None and not isinstance(name, str):
        raise ConfigurationError("The bag's name is not a text", where="/bag/bag_name")
    algorithms = found.get("bag_algorithms") or ["sha256"]
    if not isinstance(algorithms, list):
        raise ConfigurationError("bag_algorithms is not a list", where="/bag/bag_algorithms")
    for n, algorithm in enumerate(algorithms):
        if algorithm not in ALGORITHMS:
            raise ConfigurationError(
                f"{algorithm!r} is not a kind of checksum", f"Use {', '.join(ALGORITHMS)}.", f"/bag/bag_algorithms/{n}"
            )
    archiver = found.get("bag_archiver")
    if archiver is not None and (not isinstance(archiver, str) or archiver.lower() not in ARCHIVERS):
        raise ConfigurationError(
            f"{archiver!r} is not a kind of archive", f"Use {', '.join(ARCHIVERS)}.", "/bag/bag_archiver"
        )
    idempotent = truth(found.get("bag_idempotent", False), "/bag/bag_idempotent")
    return Bag(
        name=name,
        algorithms=tuple(dict.fromkeys(algorithms)),
        archiver=archiver.lower() if archiver else None,
        metadata=_object(found.get("bag_metadata"), "/bag/bag_metadata"),
        ro=truth(found.get("bag_ro", True), "/bag/bag_ro") and not idempotent,
        strict=truth(found.get("bag_strict", True), "/bag/bag_strict"),
        idempotent=idempotent,
    )


def _steps(value: Any, where: str, known: tuple[str, ...], what: str) -> tuple[Step, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise ConfigurationError("A list of processors is needed here", where=where)
    return tuple(_step(item, f"{where}/{n}", known, what) for n, item in enumerate(value))


def _step(value: Any, where: str, known: tuple[str, ...], what: str) -> Step:
    if not isinstance(value, Mapping):
        raise ConfigurationError("A processor is an object", where=where)
    kind, impl = value.get("processor"), value.get("processor_type")
    if not isinstance(kind, str) or not kind:
        raise ConfigurationError('A processor has its name under "processor"', where=where)
    if impl is not None and not isinstance(impl, str):
        raise ConfigurationError("processor_type names a Python class", where=f"{where}/processor_type")
    if impl and (own := own_class(impl)) is not None:
        kind, impl = own, None
    if not impl and kind not in known:
        raise ConfigurationError(
            f"There is no {what} processor {kind!r}", f"There are {', '.join(known)}.", f"{where}/processor"
        )
    return Step(kind, _object(value.get("processor_params"), f"{where}/processor_params"), where, impl or None)
