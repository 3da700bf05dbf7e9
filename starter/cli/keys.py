"""``clarion keys``: who may come in through the web door, as which tenant, with which rights."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from clarion.domain.rights import Rights
from starter.cli.frame import Json, looking, out, print_json, print_json_list, say

app = typer.Typer(help="API keys: each belongs to a tenant and has rights.", no_args_is_help=True)

Tenant = Annotated[str | None, typer.Option(help="Whose keys; without it, the tenant of CLARION_TENANT.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, for the list.", show_default=False)],
    rights: Annotated[Rights, typer.Option(help="read looks, operate starts and steers, admin manages.")],
    tenant: Tenant = None,
    days: Annotated[float | None, typer.Option(help="Ends by itself after so many days.", min=0.001)] = None,
    as_json: Json = False,
) -> None:
    """Make a key; it is shown once."""
    from starter.keys import Keys, NewKey

    now = time.time()
    with looking() as look:
        key, text = Keys(look.store).make(
            tenant or look.tenant, name, rights, now, expires_at=None if days is None else now + days * 86400
        )
    if as_json:
        print_json(NewKey.of(key, text))
        return
    say(f'key {key.id} of tenant {key.tenant} for "{key.name}" may {key.rights}; it is shown only now:')
    say(text)


@app.command("list")
def list_(tenant: Tenant = None, as_json: Json = False) -> None:
    """Show the keys there are."""
    from starter.keys import Keys

    with looking() as look:
        found = Keys(look.store).list(tenant or look.tenant)
    if as_json:
        print_json_list(found)
        return
    from starter.terminal.tables import new_table
    from starter.times import clock

    now = time.time()
    whole = ("key", "may", "made", "last used", "ends")
    table = new_table("key", "name", *whole[1:], whole=whole)
    for key in found:
        ended = "revoked" if key.revoked_at else clock(key.expires_at, now) if key.expires_at else ""
        used = clock(key.used_at, now) if key.used_at else "never"
        table.add_row(key.id, key.name, key.rights, clock(key.created_at, now), used, ended)
    if table.row_count:
        out().print(table)
    else:
        say("there are no keys; `clarion keys create NAME --rights read` makes one")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as in the list.", show_default=False)],
    tenant: Tenant = None,
) -> None:
    """End a key at once."""
    from starter.keys import Keys

    with looking() as look:
        Keys(look.store).end(tenant or look.tenant, key_id, time.time())
    say(f"key {key_id} opens nothing any more")


@app.command()
def payload(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="How the key is called in CLARION_PAYLOAD_KEYS.")],
) -> None:
    """Print a new key that encrypts what Temporal keeps; put it first in CLARION_PAYLOAD_KEYS of every process."""
    from clarion.codec import new_key, parse_keys
    from clarion.domain.errors import BadInput

    made = new_key(key_id)
    try:
        parse_keys(made)
    except BadInput as error:
        raise BadInput(f'"{key_id}" cannot be a key\'s id; use letters and digits, such as k1') from error
    say(made)
