"""An identifier's landing page."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "h1{font-size:1.4rem;overflow-wrap:anywhere}dt{font-weight:600;margin-top:.8rem}dd{margin:0;overflow-wrap:anywhere}"
    "ul{margin:0;padding-left:1.2rem}.gone{background:#fff3cd;padding:.6rem 1rem}code{font-size:.9em}"
)


def landing_page(document: dict[str, Any]) -> str:
    """HTML for a browser. Everything in it was given by somebody, so everything is escaped."""
    metadata = document["metadata"]
    title = str(metadata.get("title") or document["identifier"])
    rows = [("Identifier", f"<code>{escape(document['identifier'])}</code>")]
    locations = "".join(f"<li>{_link(place)}</li>" for place in document["location"])
    rows.append(("Locations", f"<ul>{locations}</ul>" if locations else "None"))
    for sum_ in document["checksums"]:
        rows.append((f"Checksum ({escape(sum_['function'])})", f"<code>{escape(sum_['value'])}</code>"))
    for name, value in metadata.items():
        if name != "title":
            shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            rows.append((escape(str(name)), escape(shown)))
    for name, label in (("created", "Created (UTC)"), ("updated", "Updated (UTC)"), ("created_by", "Minted by")):
        rows.append((label, escape(str(document[name]))))
    for name, label in (("replaces", "Replaces"), ("replaced_by", "Replaced by")):
        if document[name]:
            rows.append((label, f"<code>{escape(document[name])}</code>"))
    gone = "" if document["active"] else '<p class="gone">This identifier is not active any more.</p>'
    listed = "".join(f"<dt>{label}</dt><dd>{value}</dd>" for label, value in rows)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{gone}<dl>{listed}</dl>"
        "<p>Minted by a Satchel sandbox: nobody else resolves it.</p></body></html>\n"
    )


def _link(place: str) -> str:
    """A link where a browser may follow it; anything else is only shown."""
    shown = escape(place)
    if place.lower().startswith(("https://", "http://")):
        return f'<a href="{shown}" rel="noreferrer nofollow">{shown}</a>'
    return shown
