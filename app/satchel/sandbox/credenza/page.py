"""The pages on which a person confirms a device."""

from __future__ import annotations

from html import escape

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:3rem auto;padding:0 1rem;color:#222}"
    "label{display:block;margin:.8rem 0}"
    "input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}"
    "button{font:inherit;padding:.4rem 1.2rem;margin-right:.6rem}.code{font:600 1.6rem monospace;letter-spacing:.15em}"
    ".wrong{background:#fde2e1;padding:.4rem .8rem}"
)


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def message(title: str, text: str) -> str:
    """A page that only says something."""
    return _page(title, f"<p>{escape(text)}</p>")


def ask_for_code() -> str:
    """A page that asks for the code that a device shows."""
    return _page(
        "Sign in a device",
        '<form method="get" action="/authn/device/verify"><label>Code that the device shows'
        '<input name="user_code" required autofocus autocomplete="off"></label><button>Continue</button></form>',
    )


def confirm(user_code: str, person: str | None, proof: str, wrong: bool = False) -> str:
    """A page that confirms a device: with one button for somebody who is signed in, else with name and password."""
    if person is None:
        fields = (
            '<label>User name<input name="username" autocomplete="username" required autofocus></label>'
            '<label>Password<input name="password" type="password" autocomplete="current-password" required></label>'
        )
    else:
        fields = f"<p>You are signed in as <b>{escape(person)}</b>.</p>"
        fields += f'<input type="hidden" name="proof" value="{escape(proof)}">'
    said = '<p class="wrong" role="alert">Wrong user name or password.</p>' if wrong else ""
    return _page(
        "Sign in a device",
        f'<p>The device must show this code:</p><p class="code">{escape(user_code)}</p>'
        "<p>It will act as you until you sign it out. If you did not start this, refuse.</p>"
        f'{said}<form method="post">{fields}<button name="answer" value="confirm">Confirm</button>'
        '<button name="answer" value="refuse" formnovalidate>Refuse</button></form>',
    )
