"""The command `clean-al`. A new command is one file and one line in COMMANDS."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import sys
from importlib.abc import InspectLoader
from typing import Any

import click

from backend.cli.terminal import say
from backend.errors import BackendError, SettingsError

# Paths, not functions: what one command needs, such as scikit-learn, no other waits for.
COMMANDS = {
    "serve": "backend.cli.serve:serve",
    "worker": "backend.cli.serve:worker",
    "explain": "backend.cli.explain:explain",
    "connect": "backend.cli.connect:connect",
    "disconnect": "backend.cli.connect:disconnect",
    "status": "backend.cli.status:status",
    "suspects": "backend.cli.suspects:suspects",
    "options": "backend.cli.options:options",
    "retrain": "backend.cli.retrain:retrain",
    "pause": "backend.cli.pause:pause",
    "resume": "backend.cli.pause:resume",
    "rollback": "backend.cli.pause:rollback",
    "export": "backend.cli.export:export",
    "convert": "backend.cli.export:convert",
    "push": "backend.cli.push:push",
    "pull": "backend.cli.pull:pull",
    "compare": "backend.cli.compare:compare",
    "doctor": "backend.cli.doctor:doctor",
    "demo": "backend.cli.demo:demo",
    # The processes of `serve`: run by it, and left out of the help.
    "_web": "backend.cli.serve:web_process",
    "_worker": "backend.cli.serve:worker_process",
    "_poll": "backend.cli.serve:poll_process",
}


class LazyGroup(click.Group):
    """Imports a command when it is asked for, so that each starts without what only others need."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        shown = [name for name in COMMANDS if not name.startswith("_")]
        room = formatter.width - 6 - max(map(len, shown))
        with formatter.section("Commands"):
            formatter.write_dl([(name, _short_help(name, room)) for name in shown])


def _short_help(name: str, room: int) -> str:
    """Return what click would list of a command, from its source: to import them all takes seconds."""
    module, _, function = COMMANDS[name].partition(":")
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert isinstance(spec.loader, InspectLoader)
    for node in ast.parse(spec.loader.get_source(module) or "").body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return click.Command(name, help=ast.get_docstring(node)).get_short_help_str(room)
    raise LookupError(f"{COMMANDS[name]} is no function")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="clean-al")
def cli() -> None:
    """A live active-learning loop for Label Studio's open-source edition.

    Settings come from the environment or a .env file: LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and, where the
    defaults do not fit, those in docs/settings.md. Exit codes: 0 ok, 1 failed, 2 wrong usage or settings.

    \b
    Example:
      export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=...
      clean-al serve &
      clean-al connect 1
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of ours become one line on stderr and an exit code."""
    try:
        # Not standalone: click would end the process itself, and leave our own errors to a traceback.
        code: Any = cli.main(arguments, prog_name="clean-al", standalone_mode=False)
    except click.exceptions.Abort:
        # 128 + SIGINT: what a shell expects of a program that Ctrl-C has ended.
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        say(f"clean-al: {error}", err=True)
        sys.exit(2)
    except Exception as error:
        # A ValueError from elsewhere is a fault of ours: its traceback is the report.
        if not isinstance(error, BackendError) and not _is_plain(error):
            raise
        say(f"clean-al: {error}", err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _is_plain(error: BaseException) -> bool:
    """Whether an error speaks to the user: a file that is not there, input that the exporters refuse."""
    return isinstance(error, OSError) or type(error).__module__.partition(".")[0] in ("exporters", "clean_al")
