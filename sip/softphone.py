"""A scripted softphone: a real user agent in a process of its own, for demos and end-to-end tests.

It answers what the script says, speaks a file, records what it hears, and reports every step as a line
of JSON on standard output. It lives as long as its standard input: closing the pipe, or the death of
the parent, ends it, so that no telephone is left behind.

    lines in    "answer" | "hangup" | "digits 12#" | "script JSON" (for the calls to come) | "quit"
    lines out   {"event": "ready", "address": "127.0.0.1:40123", "tls_address": ""}, then incoming, answered,
                capture, pressed (keys of ours), digit (a key of the far end's), hangup (we end it), ended,
                captured (the file is closed), each with "at_s" (CLOCK_MONOTONIC, the same in all processes)

This module is a program, so it imports the global reactor, as ivrcore.program does.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import cast

from twisted.internet import reactor as _reactor
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from sip.cause import NORMAL_CLEARING, HangupCause, q850_from_status
from sip.endpoint import EndpointSettings, IncomingCall
from sip.errors import SipError
from sip.events import (
    CaptureStarted,
    DigitEnded,
    DigitReceived,
    DigitTransport,
    LegAnswered,
    LegEvent,
    LegHungUp,
    PlaybackId,
)
from sip.leg import Leg, LegListener, Sound
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.reactor import RunningReactor
from sip.trunk import DEFAULT_CODECS, Srtp


@dataclass(frozen=True)
class Press:
    """Keys pressed so long after the answer. `by`: as `digits_by` of the script."""

    after_s: float
    digits: str
    by: str = ""


@dataclass(frozen=True)
class Script:
    """What the softphone does with each call, in this order.

    Attributes:
        ring_after_s: when to send 180; None for no 180 at all.
        progress_after_s: when to send 183 with SDP; None for none.
        progress_reason: Q.850 cause in the 183's Reason header: what follows announces a failure; 0 for none.
        early_media: file played from the 183 on; None lets silence follow it.
        reject: final status sent `answer_after_s` after the INVITE instead of an answer; 0 answers.
        answer_after_s: when to answer; None never answers.
        talk: file spoken in a loop from the answer on; None speaks silence.
        hear: where the call is recorded as heard; None records nothing.
        hang_up_after_s: after the answer; None waits for the other side.
        digits_after_s, digits: keys sent after the answer.
        digits_by: "rfc4733", "info" or "in-band"; "" is RFC 4733 where it is negotiated, else in band. A
            talk goes on underneath tones: leave it out where they have to be heard well.
        digit_on_ms, digit_off_ms: how long each key is held, and let go before the next.
        presses: more keys, each with its own moment and transport.
    """

    ring_after_s: float | None = 0.1
    progress_after_s: float | None = None
    progress_reason: int = 0
    early_media: str | None = None
    reject: int = 0
    answer_after_s: float | None = 0.5
    talk: str | None = None
    hear: str | None = None
    hang_up_after_s: float | None = None
    digits_after_s: float | None = None
    digits: str = ""
    digits_by: str = ""
    digit_on_ms: int = 160
    digit_off_ms: int = 60
    presses: tuple[Press, ...] = ()
    codecs: tuple[str, ...] = DEFAULT_CODECS
    jitter_buffer_ms: int = 40

    @classmethod
    def from_json(cls, text: str) -> "Script":
        """Read a script; unknown names are refused."""
        raw = json.loads(text)
        unknown = set(raw) - {field.name for field in fields(cls)}
        if unknown:
            raise SipError(f"a softphone script has no {', '.join(sorted(unknown))}")
        if "codecs" in raw:
            raw["codecs"] = tuple(raw["codecs"])
        if "presses" in raw:
            raw["presses"] = tuple(Press(**press) for press in raw["presses"])
        known = ["", *(transport.value for transport in DigitTransport)]
        for by in (raw.get("digits_by", ""), *(press.by for press in raw.get("presses", ()))):
            if by not in known:
                raise SipError(f"digits go by {', '.join(known[1:])}, not by '{by}'")
        return cls(**raw)

    def to_json(self) -> str:
        """The script as one line."""
        return json.dumps(asdict(self))


class Softphone(LineOnlyReceiver):
    """Runs one script on every incoming call, one call at a time."""

    delimiter = b"\n"

    def __init__(self, script: Script, reactor: RunningReactor, settings: EndpointSettings) -> None:
        """`settings`: of the stack; codecs and jitter buffer are the script's."""
        self._script = script
        self._reactor = reactor
        self._leg: Leg | None = None
        self._calls = 0
        settings = replace(
            settings,
            codecs=script.codecs,
            jitter_buffer_ms=script.jitter_buffer_ms,
            user_agent="ivrcore-softphone",
        )
        self._endpoint = PjsuaEndpoint(settings, reactor, self._on_incoming)
        self._report("ready", address=self._endpoint.address, tls_address=self._endpoint.tls_address)

    def _report(self, event: str, at_s: float = 0.0, **facts: object) -> None:
        sys.stdout.write(json.dumps({"event": event, "at_s": at_s, **facts}) + "\n")
        sys.stdout.flush()

    # -- the call -----------------------------------------------------------------------------------------

    def _on_incoming(self, call: IncomingCall) -> LegListener:
        leg, script = call.leg, self._script
        if self._leg is not None:
            leg.hang_up(HangupCause(17, 486))
            return lambda _event: None
        self._leg = leg
        self._calls += 1
        self._report(
            "incoming",
            self._now(),
            called=call.called,
            calling=call.calling,
            asserted=call.asserted_identity,
        )
        if script.hear:
            path = Path(script.hear)
            leg.start_capture(path if self._calls == 1 else path.with_stem(f"{path.stem}-{self._calls}"))
        if script.ring_after_s is not None:
            self._later(script.ring_after_s, leg, leg.ring)
        if script.progress_after_s is not None:
            early = Sound(Path(script.early_media), loop=True) if script.early_media else None
            failure = HangupCause(script.progress_reason) if script.progress_reason else None
            self._later(
                script.progress_after_s,
                leg,
                lambda: leg.ring(status=183, early_media=early, failure=failure),
            )
        if script.answer_after_s is not None:
            if script.reject:
                cause = HangupCause(q850_from_status(script.reject), script.reject)
                self._later(script.answer_after_s, leg, lambda: self._hang_up(leg, cause))
            else:
                self._later(script.answer_after_s, leg, lambda: self._answer(leg))
        return self._on_event

    def _answer(self, leg: Leg) -> None:
        leg.stop(PlaybackId("early-media"))
        leg.answer()

    def _hang_up(self, leg: Leg, cause: HangupCause) -> None:
        self._report("hangup", self._now())
        leg.hang_up(cause)

    def _press(self, leg: Leg, digits: str, by: str) -> None:
        script = self._script
        self._report("pressed", self._now(), keys=len(digits), by=by)
        leg.send_digits(
            digits,
            duration_ms=script.digit_on_ms,
            pause_ms=script.digit_off_ms,
            transport=DigitTransport(by) if by else None,
        )

    def _on_event(self, event: LegEvent) -> None:
        leg, script = self._leg, self._script
        match event:
            case LegAnswered() if leg is not None:
                self._report("answered", event.at_s)
                if script.talk:
                    leg.play(PlaybackId("talk"), Sound(Path(script.talk), loop=True))
                if script.hang_up_after_s is not None:
                    self._later(script.hang_up_after_s, leg, lambda: self._hang_up(leg, NORMAL_CLEARING))
                presses = script.presses
                if script.digits_after_s is not None:
                    presses = (Press(script.digits_after_s, script.digits, script.digits_by), *presses)
                for press in presses:
                    self._later(press.after_s, leg, partial(self._press, leg, press.digits, press.by))
            case CaptureStarted():
                self._report("capture", event.at_s)
            case DigitReceived():
                self._report("digit", event.at_s, digit=event.digit, transport=event.transport.value)
            case DigitEnded():
                pass  # its key was reported
            case LegHungUp(cause=cause, by_remote=by_remote):
                self._leg = None
                self._report(
                    "ended", event.at_s, q850=cause.q850, status=cause.sip_status, by_remote=by_remote
                )
                if leg is not None:
                    leg.stop_capture().addCallback(lambda _: self._report("captured", self._now()))
            case _:
                self._report(type(event).__name__, event.at_s)

    def _later(self, delay_s: float, leg: Leg, act: Callable[[], None]) -> None:
        self._reactor.callLater(delay_s, lambda: act() if self._leg is leg else None)

    def _now(self) -> float:
        return time.monotonic()

    # -- the pipe -----------------------------------------------------------------------------------------

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """An order of the parent."""
        order, _, argument = line.decode().strip().partition(" ")
        leg = self._leg
        match order:
            case "quit":
                self.connectionLost()
            case "answer" if leg is not None:
                self._answer(leg)
            case "hangup" if leg is not None:
                self._hang_up(leg, NORMAL_CLEARING)
            case "digits" if leg is not None:
                self._press(leg, argument, self._script.digits_by)
            case "script" if leg is None:
                self._load(argument)
            case _:
                self._report("ignored", self._now(), order=order)

    def _load(self, text: str) -> None:
        """Take another script. Codecs and jitter buffer stay: they belong to the stack."""
        try:
            self._script = Script.from_json(text)
        except (SipError, ValueError) as error:
            self._report("ignored", self._now(), order="script", reason=str(error))
            return
        self._calls = 0
        self._report("script", self._now())

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002, N802
        """The parent closed the pipe or died."""
        self._endpoint.close().addBoth(lambda _: self._reactor.stop())


def main() -> None:
    """`python -m sip.softphone --script JSON`."""
    parser = argparse.ArgumentParser(description="a scripted softphone; see sip/softphone.py")
    parser.add_argument("--script", default="{}", help="the script as JSON")
    parser.add_argument("--cache", type=Path, default=Path("build/cache"))
    parser.add_argument("--trace", type=Path, default=None)
    parser.add_argument("--bind", default="127.0.0.1", help="address for SIP and RTP")
    parser.add_argument("--tls-certificate", default="", help="take calls over TLS too, by this certificate")
    parser.add_argument("--tls-key", default="", help="its key")
    parser.add_argument("--srtp", default=Srtp.OFF.value, choices=[one.value for one in Srtp])
    options = parser.parse_args()
    reactor = cast(RunningReactor, _reactor)  # zope interfaces are no types
    try:
        settings = EndpointSettings(
            bind=options.bind,
            cache_dir=options.cache,
            trace_file=options.trace,
            tls_port=0 if options.tls_certificate else None,
            tls_certificate=options.tls_certificate,
            tls_key=options.tls_key,
            srtp=Srtp(options.srtp),
        )
        phone = Softphone(Script.from_json(options.script), reactor, settings)
    except (SipError, ValueError) as error:
        sys.exit(f"softphone: {error}")
    StandardIO(phone)  # type: ignore[no-untyped-call]  # twisted leaves it unannotated
    reactor.run()


if __name__ == "__main__":
    main()
