"""`petct schemas …`: the contract as files, and what a change of it would break."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli import terminal
from streams.exit_codes import ExitCode

if TYPE_CHECKING:
    from streams.contract.compare import Change
    from streams.contract.releases import Release

app = typer.Typer(
    no_args_is_help=True, help="The contract as JSON Schemas, examples and AsyncAPI; what a change would break."
)

_Json = Annotated[bool, typer.Option("--json", help="Write one JSON document instead.")]


@app.command(
    epilog=terminal.exit_status(
        {ExitCode.OK: "all files are written", ExitCode.USAGE: "a wrong argument, or a place where you may not write"}
    )
)
def export(
    directory: Annotated[Path, typer.Argument(metavar="DIR", file_okay=False, help="Folder; made if it is missing.")],
    as_json: _Json = False,
) -> None:
    """Write the JSON Schema of every record, examples of each, and the AsyncAPI document that ties them together.

    What else lies in the folder is left as it is. No broker and no secret is needed.

    **Examples**

    ```console
    petct schemas export contract
    petct schemas export --json contract
    ```
    """
    from streams.contract.published import export as write  # noqa: PLC0415 - other commands need not load the rules

    try:
        names = write(directory)
    except OSError as error:
        terminal.fail(f"{directory}: cannot be written ({error.strerror})", "Name a place where you may write.")
    if as_json:
        terminal.print_json({"directory": str(directory), "files": names})
    else:
        typer.echo(f"wrote {len(names)} files into {directory}; begin with {directory / 'asyncapi.json'}")


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "the published files are what this program does, and nobody would be broken",
            ExitCode.FAILED: "they differ, a released file was altered, or a change breaks somebody; each is told",
            ExitCode.USAGE: "a wrong argument",
        }
    )
)
def check(as_json: _Json = False) -> None:
    """Hold this program to what was published: to the files of its version, and to every version ever released.

    An input may only be widened, an output only be narrowed and gain fields. What would break somebody is told with
    the field and with those who live on it.

    **Examples**

    ```console
    petct schemas check
    petct schemas check --json
    ```
    """
    from streams.contract import published, releases  # noqa: PLC0415
    from streams.contract.catalogue import CONTRACTS, MAJOR  # noqa: PLC0415
    from streams.contract.compare import compare_all  # noqa: PLC0415

    drift = published.drift()
    now = {contract.name: contract.document() for contract in CONTRACTS}
    held = [release for release in releases.all_releases() if release.version.startswith(f"{MAJOR}.")]
    altered = {release.version: release.altered() for release in held}
    breaking = {
        release.version: [change for change in compare_all(release.schemas, now) if change.breaking] for release in held
    }
    fine = not (drift or any(altered.values()) or any(breaking.values()))
    if as_json:
        terminal.print_json(
            {
                "ok": fine,
                "drift": drift,
                "altered": altered,
                "breaking": {version: [_plain(change) for change in changes] for version, changes in breaking.items()},
            }
        )
    else:
        for name in drift:
            typer.echo(f"v{MAJOR}/{name}: is not what this program does; petct schemas export writes it anew")
        for version, names in altered.items():
            for name in names:
                typer.echo(f"releases/{version}/{name}: is not what was released; a release never changes")
        for version, changes in breaking.items():
            for change in changes:
                typer.echo(f"since {version}: {change}")
        if fine:
            versions = ", ".join(altered)
            typer.echo(f"the published files are up to date, and compatible with every release of v{MAJOR}: {versions}")
    raise typer.Exit(ExitCode.OK if fine else ExitCode.FAILED)


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "compared, different or not; with --strict: nothing breaks anybody",
            ExitCode.FAILED: "with --strict: a change breaks somebody",
            ExitCode.USAGE: "an unknown release or folder",
        }
    )
)
def diff(
    old: Annotated[str, typer.Argument(help="A released version such as 1.0, or a folder of schemas.")],
    new: Annotated[
        str | None, typer.Argument(show_default=False, help="Likewise; what this program does if none.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with status 1 when a change breaks somebody.")] = False,
    as_json: _Json = False,
) -> None:
    """Tell what changed from one version to another, record by record and field by field.

    Lines that begin with `!` are changes that may break those they name.

    **Examples**

    ```console
    petct schemas diff 1.0
    petct schemas diff --strict 1.0 my-draft
    petct schemas diff --json 1.0
    ```
    """
    from streams.contract.catalogue import CONTRACTS  # noqa: PLC0415
    from streams.contract.compare import compare_all  # noqa: PLC0415

    after = {contract.name: contract.document() for contract in CONTRACTS} if new is None else _schemas(new)
    changes = compare_all(_schemas(old), after)
    breaking = any(change.breaking for change in changes)
    if as_json:
        terminal.print_json({"breaking": breaking, "changes": [_plain(change) for change in changes]})
    else:
        for change in changes:
            typer.echo(f"{'!' if change.breaking else ' '} {change}")
        if not changes:
            typer.echo("no difference")
    raise typer.Exit(ExitCode.FAILED if strict and breaking else ExitCode.OK)


@app.command(
    epilog=terminal.exit_status(
        {
            ExitCode.OK: "every topic's schema is in the registry",
            ExitCode.FAILED: "the registry refused one, or did not answer; those before it are registered",
            ExitCode.USAGE: "a wrong argument",
        }
    )
)
def register(
    url: Annotated[str, typer.Argument(help="Base of the registry's API, as serializers are told it.")],
    prefix: Annotated[str, typer.Option(envvar="PETCT_TOPIC_PREFIX", help="What stands before every topic.")] = "",
    as_json: _Json = False,
) -> None:
    """Put the schema of each topic's values into a schema registry that speaks Confluent's API.

    The subject is the topic's name with -value, the type JSON. What is registered already stays as it is. The worker
    does not need it: values are plain JSON without a schema's number. No broker and no secret is needed.

    **Examples**

    ```console
    petct schemas register http://localhost:8081
    petct schemas register http://localhost:8080/apis/ccompat/v7 --json
    ```
    """
    from streams.contract.registry import RegistryError  # noqa: PLC0415
    from streams.contract.registry import register as put  # noqa: PLC0415

    told = []
    try:
        for registered in put(url, prefix):
            told.append(registered)
            if not as_json:
                typer.echo(f"{registered.subject}: version {registered.version}, id {registered.id}")
    except RegistryError as error:
        terminal.fail(str(error), "docs/compatibility.md tells what a registry has to allow.", ExitCode.FAILED)
    if as_json:
        terminal.print_json(told)


def _schemas(named: str) -> dict[str, Any]:
    from streams.contract import releases  # noqa: PLC0415

    known: dict[str, Release] = {release.version: release for release in releases.all_releases()}
    if named in known:
        return known[named].schemas
    folder = Path(named)
    mend = f"Name a release ({', '.join(known)}), or a folder that petct schemas export has written."
    if not folder.is_dir():
        terminal.fail(f"{named}: is neither a release nor a folder", mend)
    try:
        found = releases.schemas_of(folder)
    except ValueError:
        terminal.fail(f"{named}: holds a schema that is not JSON", mend)
    except OSError as error:
        terminal.fail(f"{named}: cannot be read ({error.strerror})", mend)
    if not found:
        terminal.fail(f"{named}: holds no schema", mend)
    return found


def _plain(change: Change) -> dict[str, Any]:
    return {
        "record": change.record,
        "field": change.field,
        "what": change.what,
        "breaking": change.breaking,
        "breaks": change.breaks,
    }
