"""Looking around with a sign-in that has run out: the server would show what everybody may see, and not say so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sandbox_process import SandboxProcess
from satchel.core.credentials import Credential
from satchel.core.deriva import authn, browse
from satchel.core.deriva.names import TableName
from satchel.core.errors import Kind, SatchelError
from satchel.core.jobs.request import Access

SUBJECT = TableName("eye", "Subject")


async def signed_in(sandbox: SandboxProcess, folder: Path) -> tuple[Access, Credential]:
    """Somebody who has signed in, with the credential in a file as deriva-py writes it."""
    credential = await authn.sign_in(sandbox.host, "admin", "admin", Access(ca=(sandbox.ca,)))
    file = folder / "credential.json"
    file.write_text(json.dumps({sandbox.host: credential.entry}))
    return Access(ca=(sandbox.ca,), credential=str(file)), credential


async def test_a_page_is_never_what_somebody_else_would_see(sandbox: SandboxProcess, tmp_path: Path) -> None:
    access, credential = await signed_in(sandbox, tmp_path)
    async with await browse.open_catalog(sandbox.host, sandbox.catalog, access) as opened:
        whole = await browse.rows(opened, SUBJECT)
        assert await authn.sign_out(sandbox.host, credential, access)
        async with await browse.open_catalog(sandbox.host, sandbox.catalog, Access(ca=(sandbox.ca,))) as public:
            assert len((await browse.rows(public, SUBJECT)).rows) < len(whole.rows), "nobody sees fewer"
        for ask in (lambda: browse.rows(opened, SUBJECT), lambda: browse.find(opened, whole.rows[0].rid)):
            with pytest.raises(SatchelError, match="does not accept your sign-in any more") as told:
                await ask()
            assert told.value.kind is Kind.NOT_SIGNED_IN
    with pytest.raises(SatchelError, match="does not accept your sign-in any more"):
        await browse.open_catalog(sandbox.host, sandbox.catalog, access)
    with pytest.raises(SatchelError, match="does not accept your sign-in any more"):
        await browse.find_record(sandbox.host, sandbox.catalog, whole.rows[0].rid, access)
