"""The command line. Bad input: one line, status 2. A call nobody could talk in: one line, status 1."""

import logging
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ivrcore.request import CallbackRequest, CalleeMedia, RequestError, WarnedParty
from media.errors import MediaError
from sip.errors import SipError
from sip.trunk import DEFAULT_CODECS

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

BUILTIN = "builtin"
"""Names the built-in prompt where a file is asked for."""


@app.callback()
def _main(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what happens, to standard error.")
    ] = False,
) -> None:
    """A telephony-level IVR core: calls, prompts, bridges, recordings, and proof of what was heard."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s"
    )


@app.command()
def call(
    caller: Annotated[str, typer.Argument(help="A, called first: a number (needs --trunk) or a SIP URI.")],
    callee: Annotated[str, typer.Argument(help="B, called when A has answered.")],
    trunk: Annotated[str, typer.Option(help="Where numbers are sent: host or host:port.")] = "",
    proxy: Annotated[str, typer.Option(help="Outbound proxy, a SIP URI.")] = "",
    user: Annotated[str, typer.Option(help="Digest user of the trunk.")] = "",
    password: Annotated[
        str, typer.Option(envvar="IVRCORE_TRUNK_PASSWORD", help="Digest password; better in the environment.")
    ] = "",
    codecs: Annotated[str, typer.Option(help="Offered codecs, best first.")] = ",".join(DEFAULT_CODECS),
    bind: Annotated[str, typer.Option(help="Address for SIP and RTP.")] = "127.0.0.1",
    sip_port: Annotated[int, typer.Option(help="UDP port for SIP; 0 takes a free one.")] = 0,
    display_a: Annotated[str, typer.Option(help="The number A sees.")] = "ivrcore",
    display_b: Annotated[str, typer.Option(help="The number B sees.")] = "ivrcore",
    pre_voice: Annotated[
        str, typer.Option(help=f"Prompt for A before B is called: a WAV file, or '{BUILTIN}'.")
    ] = "",
    wait_voice: Annotated[
        str, typer.Option(help=f"Loop for A while B is called: a WAV file, or '{BUILTIN}'.")
    ] = "",
    callee_media: Annotated[CalleeMedia, typer.Option(help="What A hears of B's side before B answers.")] = (
        CalleeMedia.ALL
    ),
    record: Annotated[bool, typer.Option("--record", help="Record the talk.")] = False,
    record_hint: Annotated[
        str, typer.Option(help=f"Prompt for both before a recorded talk: a WAV file, or '{BUILTIN}'.")
    ] = "",
    max_duration: Annotated[int, typer.Option(help="Minutes from B's answer; 0 for no limit.")] = 0,
    last_minute: Annotated[str, typer.Option(help="Warning one minute before the end: a WAV file.")] = "",
    last_minute_to: Annotated[WarnedParty, typer.Option(help="Who hears the warning.")] = WarnedParty.BOTH,
    ring_timeout: Annotated[int, typer.Option(help="Seconds each party may ring.")] = 60,
    data: Annotated[
        Path, typer.Option(help="Directory for recordings, captures and prepared prompts.")
    ] = Path("ivrcore-data"),
    clock_scale: Annotated[float, typer.Option(help="Let the customer's minutes pass faster.")] = 1.0,
    trace: Annotated[Path | None, typer.Option(help="Write SIP messages and the stack's log here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the end-of-call record as JSON.")] = False,
) -> None:
    """Call A, then B, and let them talk."""
    from ivrcore.call_command import CallOptions, run_call
    from ivrcore.sounds import PromptFiles

    def file(option: str) -> Path | None:
        return None if option in ("", BUILTIN) else Path(option)

    try:
        request = CallbackRequest(
            caller=caller,
            callee=callee,
            display_caller=display_a,
            display_callee=display_b,
            play_pre_voice=bool(pre_voice),
            wait_voice=bool(wait_voice),
            callee_media=callee_media,
            record=record,
            record_hint=bool(record_hint),
            max_duration_min=max_duration,
            last_minute_to=last_minute_to,
            ring_timeout_s=ring_timeout,
        )
        status = run_call(
            CallOptions(
                request=request,
                files=PromptFiles(
                    pre_voice=file(pre_voice),
                    wait_voice=file(wait_voice),
                    record_hint=file(record_hint),
                    last_minute=file(last_minute),
                ),
                trunk_host=trunk,
                proxy=proxy,
                user=user,
                password=password,
                codecs=tuple(part.strip().upper() for part in codecs.split(",") if part.strip()),
                bind=bind,
                sip_port=sip_port,
                data_dir=data,
                clock_scale=clock_scale,
                trace=trace,
                as_json=as_json,
            )
        )
    except (RequestError, SipError, MediaError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("build/demo"),
    cache: Annotated[Path, typer.Option(help="Rendered prompts are kept here.")] = Path("build/cache"),
    trace: Annotated[bool, typer.Option("--trace", help="Keep SIP traces of all three parties.")] = False,
) -> None:
    """Make one whole callback between two softphones on this machine, and judge what was heard."""
    from ivrcore.demo.run import run_demo

    try:
        status = run_demo(out, cache, trace=trace)
    except (RequestError, SipError, MediaError, OSError) as error:
        refuse(str(error))
    raise typer.Exit(status)


def refuse(reason: str) -> NoReturn:
    """One line to standard error, and status 2."""
    print(f"ivrcore: {reason}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(2)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
