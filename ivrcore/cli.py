"""The command line. Bad input: one line, status 2. A call that did not bring what was ordered: one line,
status 1."""

import logging
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ivrcore import cli_options as options
from ivrcore.cli_elements import InOrder, elements_of
from ivrcore.request import (
    CallbackRequest,
    CalleeMedia,
    Language,
    NotificationRequest,
    RequestError,
    VerificationRequest,
    WarnedParty,
)
from ivrcore.service.cli import commands as service_commands
from ivrcore.service.cli_admin import groups as admin_groups
from ivrcore.service.cli_content import groups as content_groups
from media.errors import MediaError
from sip.engine_choice import chosen_engine
from sip.errors import SipError
from sip.trunk import Srtp, Transport

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

app.registered_commands += service_commands.registered_commands
app.registered_groups += service_commands.registered_groups
app.registered_groups += admin_groups.registered_groups
app.registered_groups += content_groups.registered_groups

BUILTIN = "builtin"
"""Names the built-in prompt where a file is asked for."""


class SpokenLanguage(Enum):
    """The languages that are spoken, as the command line names them."""

    CHINESE = "zh"
    ENGLISH = "en"


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
    try:
        chosen_engine()  # else the first import of pjsua2 would fail
    except SipError as error:
        refuse(str(error))


@app.command()
def call(
    caller: Annotated[str, typer.Argument(help="A, called first: a number (needs --trunk) or a SIP URI.")],
    callee: Annotated[str, typer.Argument(help="B, called when A has answered.")],
    trunk: options.Trunk = "",
    proxy: options.Proxy = "",
    user: options.User = "",
    password: options.Password = "",
    transport: options.Over = Transport.UDP,
    srtp: options.Encrypted = Srtp.OFF,
    tls_authorities: options.Authorities = "",
    codecs: options.Codecs = options.ALL_CODECS,
    bind: options.Bind = "127.0.0.1",
    also_bind: options.AlsoBind = "",
    sip_port: options.SipPort = 0,
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
    ring_timeout: options.RingTimeout = 60,
    rtp_timeout: options.RtpTimeout = 0.0,
    data: options.Data = options.DATA,
    clock_scale: options.ClockScale = 1.0,
    trace: options.Trace = None,
    as_json: options.AsJson = False,
) -> None:
    """Call A, then B, and let them talk."""
    from ivrcore.call_command import SessionOptions, run_session
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
        files = PromptFiles(
            pre_voice=file(pre_voice),
            wait_voice=file(wait_voice),
            record_hint=file(record_hint),
            last_minute=file(last_minute),
        )
        session = SessionOptions(
            trunk_host=trunk,
            proxy=proxy,
            user=user,
            password=password,
            transport=transport,
            srtp=srtp,
            tls_authorities=tls_authorities,
            codecs=options.codec_names(codecs),
            bind=bind,
            also_bind=also_bind,
            sip_port=sip_port,
            rtp_timeout_s=rtp_timeout,
            data_dir=data,
            clock_scale=clock_scale,
            trace=trace,
            as_json=as_json,
        )
        status = run_session(session, lambda running, observe: running.call(request, files, observe))
    except (RequestError, SipError, MediaError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command(cls=InOrder)
def notify(
    ctx: typer.Context,
    callee: Annotated[str, typer.Argument(help="A: a number (needs --trunk) or a SIP URI.")],
    file: Annotated[  # noqa: ARG001
        list[str] | None,
        typer.Option(metavar="FILE", help="Begin an element: a WAV file (A-law, 8000 Hz, mono)."),
    ] = None,
    text: Annotated[  # noqa: ARG001
        list[str] | None, typer.Option(metavar="TEXT", help="Begin an element: a text, spoken.")
    ] = None,
    collect: Annotated[  # noqa: ARG001
        list[str] | None,
        typer.Option(metavar="N", help="After the element before: collect so many keys, 1 to 32."),
    ] = None,
    replay_on: Annotated[  # noqa: ARG001
        list[str] | None,
        typer.Option(
            metavar="KEYS", help="Play the element before again when these keys are pressed, or 'any'."
        ),
    ] = None,
    speech_command: options.SpeechCommand = "",
    display: options.Display = options.NOBODY,
    trunk: options.Trunk = "",
    proxy: options.Proxy = "",
    user: options.User = "",
    password: options.Password = "",
    transport: options.Over = Transport.UDP,
    srtp: options.Encrypted = Srtp.OFF,
    tls_authorities: options.Authorities = "",
    codecs: options.Codecs = options.ALL_CODECS,
    bind: options.Bind = "127.0.0.1",
    also_bind: options.AlsoBind = "",
    sip_port: options.SipPort = 0,
    ring_timeout: options.RingTimeout = 60,
    data: options.Data = options.DATA,
    clock_scale: options.ClockScale = 1.0,
    trace: options.Trace = None,
    as_json: options.AsJson = False,
) -> None:
    """Call A and play a notification: up to five elements, in the order of --file and --text.

    --collect and --replay-on belong to the element before them. What A pressed is in the record of --json.
    """
    from ivrcore.call_command import SessionOptions, run_session
    from ivrcore.say_command import settings_of

    try:
        elements = elements_of(ctx)
        request = NotificationRequest(
            callee, display, tuple(element for element, _ in elements), ring_timeout_s=ring_timeout
        )
        contents = [content for _, content in elements]
        session = SessionOptions(
            trunk_host=trunk,
            proxy=proxy,
            user=user,
            password=password,
            transport=transport,
            srtp=srtp,
            tls_authorities=tls_authorities,
            codecs=options.codec_names(codecs),
            bind=bind,
            also_bind=also_bind,
            sip_port=sip_port,
            data_dir=data,
            clock_scale=clock_scale,
            trace=trace,
            as_json=as_json,
            speech=settings_of(speech_command),
        )
        status = run_session(session, lambda running, observe: running.notify(request, contents, observe))
    except (RequestError, SipError, MediaError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command()
def verify(
    callee: Annotated[str, typer.Argument(help="A: a number (needs --trunk) or a SIP URI.")],
    code: Annotated[
        str,
        typer.Argument(
            envvar="IVRCORE_VERIFY_CODE", help="1 to 8 digits; better in the environment.", show_default=False
        ),
    ],
    times: Annotated[int, typer.Option(help="How often the code is spoken; 0: until A hangs up.")] = 3,
    language: Annotated[SpokenLanguage, typer.Option(help="Of the digits.")] = SpokenLanguage.CHINESE,
    pre_tone: Annotated[Path | None, typer.Option(help="Played before the code: a WAV file.")] = None,
    pos_tone: Annotated[Path | None, typer.Option(help="Played after the code: a WAV file.")] = None,
    display: options.Display = options.NOBODY,
    trunk: options.Trunk = "",
    proxy: options.Proxy = "",
    user: options.User = "",
    password: options.Password = "",
    transport: options.Over = Transport.UDP,
    srtp: options.Encrypted = Srtp.OFF,
    tls_authorities: options.Authorities = "",
    codecs: options.Codecs = options.ALL_CODECS,
    bind: options.Bind = "127.0.0.1",
    also_bind: options.AlsoBind = "",
    sip_port: options.SipPort = 0,
    ring_timeout: options.RingTimeout = 60,
    data: options.Data = options.DATA,
    clock_scale: options.ClockScale = 1.0,
    trace: options.Trace = None,
    as_json: options.AsJson = False,
) -> None:
    """Call A and speak a verification code, digit by digit."""
    from ivrcore.call_command import SessionOptions, run_session
    from ivrcore.sounds import ToneFiles

    try:
        request = VerificationRequest(
            callee,
            display,
            code,
            language=Language[language.name],
            has_pre_tone=pre_tone is not None,
            has_pos_tone=pos_tone is not None,
            times=times,
            ring_timeout_s=ring_timeout,
        )
        files = ToneFiles(pre_tone, pos_tone)
        session = SessionOptions(
            trunk_host=trunk,
            proxy=proxy,
            user=user,
            password=password,
            transport=transport,
            srtp=srtp,
            tls_authorities=tls_authorities,
            codecs=options.codec_names(codecs),
            bind=bind,
            also_bind=also_bind,
            sip_port=sip_port,
            data_dir=data,
            clock_scale=clock_scale,
            trace=trace,
            as_json=as_json,
        )
        status = run_session(session, lambda running, observe: running.verify(request, files, observe))
    except (RequestError, SipError, MediaError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="What to say.")],
    out: Annotated[Path, typer.Argument(help="The WAV file to write: A-law, 8000 Hz, mono.")],
    language: Annotated[
        SpokenLanguage | None, typer.Option(help="Whose rules and voice; by default the text's.")
    ] = None,
    speech_command: options.SpeechCommand = "",
) -> None:
    """Speak a text into a file as a call would, and print the words it is read as."""
    from ivrcore.say_command import run_say, settings_of

    try:
        status = run_say(text, out, language.value if language else "", settings_of(speech_command))
    except (RequestError, MediaError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command()
def dtmf(
    file: Annotated[Path, typer.Argument(help="Any common audio file.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a list with the times in seconds.")] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Draw the keys over their spectrum, into this PNG.")
    ] = None,
) -> None:
    """Print the DTMF keys of a recording, with their times."""
    from ivrcore.dtmf_command import run_dtmf

    try:
        status = run_dtmf(file, as_json=as_json, plot=plot)
    except MediaError as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("build/demo"),
    cache: Annotated[Path, typer.Option(help="Rendered prompts are kept here.")] = Path("build/cache"),
    trace: Annotated[bool, typer.Option("--trace", help="Keep the SIP traces of all parties.")] = False,
) -> None:
    """Make a callback and a notification with softphones on this machine, and judge what was heard."""
    from ivrcore.demo.run import run_demo

    try:
        status = run_demo(out, cache, trace=trace)
    except (RequestError, SipError, MediaError, OSError) as error:
        refuse(str(error))
    raise typer.Exit(status)


@app.command(hidden=True)
def worker(directory: Annotated[Path, typer.Argument(help="Has its settings.")]) -> None:
    """Make calls for a front end. `ivrcore serve` starts it."""
    from ivrcore.service.workers.errors import WorkerError
    from ivrcore.service.workers.program import run_worker

    try:
        status = run_worker(directory)
    except (WorkerError, SipError, MediaError) as error:
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
