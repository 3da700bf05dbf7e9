"""Commands about the installation as a whole: trying it, setting it up, running its parts, finding what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from starter.cli.frame import FAILED, Json, out, print_json_list, run, say


def demo(
    channel: Annotated[str, typer.Argument(help="sms, call or lead_analysis.")] = "sms",
    provider: Annotated[
        str | None, typer.Option(help="Whom the calls go through: retell (default), elevenlabs, twilio or exotel.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run an example campaign on this machine, against a sandbox; contacts nobody and leaves nothing running."""
    from starter.local.demo import run_demo

    if code := run(run_demo(channel, provider=provider, as_json=as_json)):
        raise typer.Exit(code)


def drill(
    channel: Annotated[str, typer.Argument(help="sms, call or lead_analysis.")] = "sms",
    *,
    targets: Annotated[
        int | None, typer.Option(help="Rows of the audience; without it 300, or 60 to be called.")
    ] = None,
    kills: Annotated[int, typer.Option(help="How many times something is killed.")] = 5,
    kill: Annotated[
        str | None,
        typer.Option(
            help="What is killed, with commas between: worker, temporal, web, database. Without it worker, and for "
            "calls web too."
        ),
    ] = None,
    faults: Annotated[str, typer.Option(help="What the provider does wrong: none, mix, or JSON.")] = "none",
    seed: Annotated[int, typer.Option(help="Chooses the moments; the same seed chooses the same.")] = 0,
    workers: Annotated[int, typer.Option(help="How many workers run.")] = 2,
    database_url: Annotated[
        str | None, typer.Option(help="Put the campaign into this empty database instead of a SQLite file.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option(help="Who carries the calls: retell, twilio, elevenlabs or exotel; else retell.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Prove the promises here: run a campaign on the sandbox while its parts are killed, and count what happened."""
    from starter.local.drill import run_drill

    code = run(
        run_drill(
            channel,
            targets=targets,
            kills=kills,
            kill=None if kill is None else [part.strip() for part in kill.split(",") if part.strip()],
            faults=faults,
            seed=seed,
            workers=workers,
            as_json=as_json,
            database_url=database_url,
            provider=provider,
        )
    )
    if code:
        raise typer.Exit(code)


def up(
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="The sandbox is the provider: nobody is contacted.")
    ] = False,
) -> None:
    """Run all parts on this machine until Ctrl-C: Temporal's dev server, a worker, the web door."""
    from clarion.settings import load_settings
    from starter.local.demo import run_up

    if code := run(run_up(load_settings(), sandbox=sandbox)):
        raise typer.Exit(code)


def web(
    host: Annotated[str | None, typer.Option(help="Address to listen on; default: CLARION_WEB_HOST.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; default: CLARION_WEB_PORT.", min=0, max=65535)] = None,
) -> None:
    """Run the web door: the providers' receipts and people's answers come in here."""
    from clarion.settings import load_settings
    from clarion.telemetry import set_up_logging
    from starter.webdoor import run_web
    from starter.wiring import open_store

    settings = load_settings()
    set_up_logging(settings.log_level)
    store = open_store(settings)
    try:
        run(run_web(settings, store, host or settings.web_host, settings.web_port if port is None else port))
    finally:
        store.close()


def setup(
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for the database and Temporal to answer.", min=0, max=86_400)
    ] = 30.0,
) -> None:
    """Prepare the database and the Temporal cluster; safe to run again, and after every upgrade."""
    from clarion.settings import load_settings
    from starter.installing import set_up

    run(set_up(load_settings(), wait=wait, say=say))


def doctor(as_json: Json = False) -> None:
    """Find out whether everything is connected, and what to do where it is not."""
    from clarion.settings import load_settings
    from starter.doctor import examine, findings_table
    from starter.findings import Health

    findings = run(examine(load_settings()))
    if as_json:
        print_json_list(iter(findings))
    else:
        out().print(findings_table(findings))
    if any(finding.health is Health.PROBLEM for finding in findings):
        raise typer.Exit(FAILED)
