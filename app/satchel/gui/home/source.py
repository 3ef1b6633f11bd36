"""What the home page asks of the core. Runs in the engine's loop."""

from __future__ import annotations


async def on_servers(jobs: list[str]) -> list[str]:
    """Those of some interrupted jobs for which a server still works, or has meanwhile answered."""
    import asyncio

    from satchel.core.export.server_side.waiting import of_job
    from satchel.core.paths import Home

    home = Home.find()
    return await asyncio.to_thread(lambda: [job for job in jobs if of_job(home, job)])
