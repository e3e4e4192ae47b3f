"""The commands: ``python -m app …``, also ``fdp``."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from app.commands.dlq import dlq
from app.commands.ending import cancel, delete
from app.commands.live import live
from app.commands.orphans import orphans
from app.commands.plan import plan
from app.commands.read import read
from app.commands.status import status
from app.commands.submit import retry, submit
from app.errors import PlatformError, SettingError
from app.settings import Role, load

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_errors = Console(stderr=True, highlight=False)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"fdp {version('phase1-financial-data-platform')}")
        raise typer.Exit


@cli.callback()
def every(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Market data on Kafka: one request, and clean, complete, schema-checked data is on topics."""


@cli.command()
def demo(
    state_dir: Annotated[Path | None, typer.Option(help="Folder of the embedded services.")] = None,
) -> None:
    """Run the main job from nothing: embedded services, a backtest, its rows read back by two consumer groups."""
    from app.local.installed import check_installed

    check_installed()
    from app.local.demo import run_demo

    run_demo(load(**({"state_dir": state_dir} if state_dir else {})))


@cli.command()
def local(
    web_port: Annotated[int | None, typer.Option(help="Port of the coordinator's web server.")] = None,
    state_dir: Annotated[Path | None, typer.Option(help="Folder of all state; one process at a time.")] = None,
) -> None:
    """Run the whole platform on this machine until interrupted; addresses are in STATE_DIR/endpoints.json."""
    from app.local.platform import run_local

    given = {"web_port": web_port, "state_dir": state_dir}
    settings = load(**{name: value for name, value in given.items() if value is not None})
    say = Console(highlight=False, soft_wrap=True)
    run_local(
        settings,
        on_event=lambda line: say.print(line, markup=False),
        on_ready=lambda found: say.print(
            f"ready: web {found.web}  kafka {found.kafka}  registry {found.registry}  theta {found.theta_http} "
            f"{found.theta_ws}"
        ),
    )


@cli.command()
def worker(
    role: Annotated[Role | None, typer.Option(help="Which role; without it one process of each.")] = None,
) -> None:
    """Run a production process of a role against the brokers in the environment."""
    settings = load()
    if role is None:
        from app.local.workers import run_workers

        run_workers(settings)
    else:
        from app.worker import run_role

        run_role(settings, role)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def simulator(context: typer.Context) -> None:
    """Run the simulator of Theta Terminal alone (`--help` after it lists its options)."""
    from simulator.cli import main as run_simulator

    run_simulator(context.args)


for command in (plan, submit, status, read, cancel, retry, delete, orphans):
    cli.command()(command)
cli.add_typer(live, name="live")
cli.add_typer(dlq, name="dlq")


def main() -> NoReturn:
    """Run a command; what goes wrong on purpose is one line on stderr, exit code 2 for a setting, else 1."""
    try:
        cli(standalone_mode=True)
    except SettingError as error:
        _fail(error, 2)
    except PlatformError as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    sys.exit(0)


def _fail(error: PlatformError, code: int) -> NoReturn:
    _errors.print(f"error: {error}", markup=False, soft_wrap=True)
    # A librdkafka client that never reached its broker may hold its thread for minutes.
    sys.stderr.flush()
    if threading.active_count() > 1:
        import os

        os._exit(code)
    sys.exit(code)
