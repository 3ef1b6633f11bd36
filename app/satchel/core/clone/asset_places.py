"""Under which names assets are kept at a destination."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from satchel.core.clone.asset_state import Item
from satchel.core.clone.asset_urls import object_of
from satchel.core.deriva.hatrac import ObjectInfo
from satchel.core.deriva.hatrac_write import READ_ACLS, HatracWriter, name_part
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.context import Context


class Namespace:
    """All in one namespace, each row an object of its own, named by its MD5, RID and file name.

    Two rows with the same bytes get two objects: catalogs want addresses to be unique. The same row again finds its
    own object.

    Args:
        namespace: `/hatrac/...`, escaped.
    """

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def key(self, item: Item, url: str) -> str:
        """Each row by itself."""
        return f"{item.table} {item.rid} {url}"

    def paths(self, item: Item, info: ObjectInfo, md5: str | None) -> Iterator[str]:
        """Names for a row's asset."""
        last = (object_of(info.url) or ("", None))[0].rpartition("/")[2]
        name = item.filename or info.filename or unquote(last) or "file"
        first = f"{md5}." if md5 else ""
        rid = name_part(item.rid, 40)
        for again in ("", ".2", ".3", ".4"):
            yield f"{self.namespace}/{first}{rid}{again}.{name_part(name, 120)}"

    async def made_namespace(self, path: str) -> None:
        """Nothing more."""

    async def made_object(self, item: Item, url: str, target: str) -> None:
        """Nothing more."""


class SamePath:
    """Each object under the name that it has at its source, with who may read it as there.

    Args:
        source: to the source's Hatrac.
        destination: to the destination's.
        otherwise: a namespace (`/hatrac/...`) for what cannot have its name: there is another object of that name, or
            source and destination are one server.
        context: told what could not be kept.
        acls: whether who may read is taken along.
    """

    def __init__(
        self, source: HatracWriter, destination: HatracWriter, otherwise: str, context: Context, *, acls: bool = True
    ) -> None:
        self._source = source
        self._destination = destination
        self._otherwise = otherwise
        self._context = context
        self._acls = acls
        self._one_server = source.session.host == destination.session.host
        self._hidden: set[str] = set()
        """Namespaces of the source whose objects do not show us who may read them."""
        self.acls_copied = 0
        self.acls_hidden = 0
        """Names whose ACLs the source shows only to their owners."""

    def key(self, item: Item, url: str) -> str:
        """Each object once, however many rows name it."""
        return url

    def paths(self, item: Item, info: ObjectInfo, md5: str | None) -> Iterator[str]:
        """The source's name, then the same in a namespace of the clone's own."""
        found = object_of(info.url)
        if found is None:
            raise SatchelError(Kind.INTERNAL, f"{info.url} is no object of Hatrac.")
        if not self._one_server:
            yield found[0]
        yield self._otherwise + found[0].removeprefix("/hatrac")

    async def made_namespace(self, path: str) -> None:
        """Let those read in it who may at the source."""
        own = path == self._otherwise or path.startswith(f"{self._otherwise}/")
        source = "/hatrac" + path.removeprefix(self._otherwise) if own else path
        if self._acls and source != "/hatrac" and not self._otherwise.startswith(f"{path}/"):
            await self._copy_acls(source, path, READ_ACLS["namespace"])

    async def made_object(self, item: Item, url: str, target: str) -> None:
        """Let those read it who may at the source."""
        found, made = object_of(url), object_of(target)
        if not self._acls or found is None or made is None:
            return
        # `read` of an object opens no version; `subtree-read` opens them all, and a version has its own `read`.
        await self._copy_acls(found[0], made[0], ("subtree-read",))
        if found[1] is not None:
            await self._copy_acls(urlsplit(url).path, target, ("read",))

    async def _copy_acls(self, source: str, target: str, names: tuple[str, ...]) -> None:
        above = source.rpartition("/")[0]
        if above in self._hidden:
            self.acls_hidden += 1
            return
        acls = await self._source.acls(source)
        if acls is None:
            self._hidden.add(above)
            self.acls_hidden += 1
            return
        for name in names:
            members = acls.get(name)
            if isinstance(members, list) and members:
                try:
                    await self._destination.set_acl(target, name, [str(member) for member in members])
                    self.acls_copied += 1
                except SatchelError as error:
                    self._context.warn(
                        "asset-acl",
                        f"Who may read {target} could not be set: {error.message}",
                        where=target,
                        hint="Set it by hand in the destination's Hatrac.",
                    )
