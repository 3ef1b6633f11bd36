"""What the settings page asks of the cache. Each runs in the engine's loop; what blocks, in a thread of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from satchel.core.export.cache.store import Cache, Entry


def _cache() -> Cache:
    from satchel.core.export.cache.store import Cache
    from satchel.core.paths import Home

    return Cache(Home.find())


async def listing() -> tuple[list[Entry], int | None]:
    """What is kept, and the limit in bytes."""
    import asyncio

    cache = _cache()
    return await asyncio.to_thread(lambda: (cache.entries(), cache.settings().limit))


async def verify(keys: list[str]) -> list[str]:
    """Read bags again. Returns the keys of those that were damaged, and are removed. Raises SatchelError."""
    import asyncio

    cache = _cache()

    def work() -> list[str]:
        damaged = [key for key in keys if cache.verify(key)]
        for key in damaged:
            cache.delete(key)
        return damaged

    return await asyncio.to_thread(work)


async def pin(key: str, pinned: bool) -> None:
    """Keep a bag whatever the limit, or no longer. Raises SatchelError."""
    import asyncio

    await asyncio.to_thread(_cache().pin, key, pinned)


async def delete(keys: list[str]) -> int:
    """Remove bags. Returns the bytes that are free now. Raises SatchelError."""
    import asyncio

    cache = _cache()
    return await asyncio.to_thread(lambda: sum(cache.delete(key) for key in keys))


async def limit(size: int | None) -> int:
    """Set the limit. Returns the bytes that are free now."""
    import asyncio

    return await asyncio.to_thread(_cache().set_limit, size)
