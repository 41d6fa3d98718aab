"""One call by a softphone (pjsua2), run as a child process; prints what happened as JSON, one event a line.

A process of its own, because pjsua2 is one to a process and an assertion in native code ends it. Times
(`at_s`) are seconds since the INVITE was sent or received. Events: `response` (code, reason header, whether
SDP came with it), `digit`, `bye`, `media` (packets counted in both directions, just before the end) and `end`
(last SIP code). Left out: any judgement; the tests do that.
"""

import argparse
import importlib
import json
import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# Not imported by name: the stubs of the product cover what the product uses, and this uses more.
pj: Any = importlib.import_module("pjsua2")

TICK_MS = 10
DTMF_IS_END = 2
"""PJMEDIA_STREAM_DTMF_IS_END of pjmedia/stream_common.h; the binding leaves it out."""


def main() -> int:
    """Place or take one call as the command line says; exit 0 if it ended, 1 if none came in time."""
    options = parse(sys.argv[1:])
    # On a busy machine a packet sent late would be the softphone's gap, not the robot's. Root only.
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    endpoint = start_endpoint(options.sip_port)
    try:
        account = Softphone(options)
        if options.wait_for_call:
            account.poll(endpoint, options.wait_for_call, lambda: account.call is not None)
            if account.call is None:
                return 1
        else:
            account.dial(options.uri, options.header)
        assert account.call is not None
        account.call.run(endpoint, account)
        account.call = None
        account.shutdown()
    finally:
        endpoint.libDestroy()
    return 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uri", help="whom to call")
    parser.add_argument(
        "--wait-for-call", type=float, default=0.0, help="take a call instead, wait so many seconds"
    )
    parser.add_argument("--sip-port", type=int, default=0)
    parser.add_argument("--identity", default="sip:5550100@127.0.0.1", help="own address of record (From)")
    parser.add_argument("--registrar", help="register there before anything else")
    parser.add_argument("--username", help="for digest authentication")
    parser.add_argument("--password", default="")
    parser.add_argument("--header", action="append", default=[], help="NAME: VALUE, added to the INVITE")
    parser.add_argument(
        "--seconds", type=float, default=3.0, help="hang up so long after the start of the call"
    )
    parser.add_argument("--play", help="WAV file to say in a loop")
    parser.add_argument("--record", help="WAV file of what is heard, from the first media on")
    parser.add_argument(
        "--press", default="", help="digits to send by RFC 4733 half a second after the answer"
    )
    return parser.parse_args(arguments)


def start_endpoint(sip_port: int) -> Any:
    """A running endpoint without sound device whose callbacks come on this thread alone."""
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.logConfig.level = 0
    config.logConfig.consoleLevel = 0
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.noVad = True
    config.medConfig.ecTailLen = 0
    # Else the null device closes after a second without connections, and outgoing RTP stops.
    config.medConfig.sndAutoCloseTime = -1
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    endpoint.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    transport.port = sip_port
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    endpoint.audDevManager().setNullDev()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 200 if codec.codecId.startswith("PCMA/") else 0)
    return endpoint


class Softphone(pj.Account):  # type: ignore[misc]  # the binding has no types
    """One account: registers if told to, and has at most one call."""

    def __init__(self, options: argparse.Namespace) -> None:
        super().__init__()
        self.options = options
        self.call: PhoneCall | None = None
        self.registered = False
        config = pj.AccountConfig()
        config.idUri = options.identity
        config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        config.mediaConfig.transportConfig.port = 40000
        config.mediaConfig.transportConfig.portRange = 10000
        config.mediaConfig.transportConfig.randomizePort = True
        if options.username:
            config.sipConfig.authCreds.append(
                pj.AuthCredInfo("digest", "*", options.username, 0, options.password)
            )
        if options.registrar:
            config.regConfig.registrarUri = options.registrar
        self.create(config)

    def dial(self, uri: str, headers: list[str]) -> None:
        """Send the INVITE, once registered where that was asked."""
        if self.options.registrar:
            self.poll(pj.Endpoint.instance(), 3.0, lambda: self.registered)
        self.call = PhoneCall(self, self.options)
        parameters = pj.CallOpParam(True)
        for header in headers:
            name, _, value = header.partition(":")
            extra = pj.SipHeader()
            extra.hName, extra.hValue = name.strip(), value.strip()
            parameters.txOption.headers.append(extra)
        self.call.makeCall(uri, parameters)

    def poll(self, endpoint: Any, seconds: float, done: Callable[[], bool]) -> None:
        """Let the endpoint work until done() or the time is over."""
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            endpoint.libHandleEvents(TICK_MS)

    def onRegState(self, prm: Any) -> None:  # noqa: N802
        self.registered = prm.code == 200
        emit("registration", code=prm.code)

    def onIncomingCall(self, prm: Any) -> None:  # noqa: N802
        self.call = PhoneCall(self, self.options, prm.callId)
        self.call.take(prm.rdata.wholeMsg)


class PhoneCall(pj.Call):  # type: ignore[misc]
    """One call; prints its events."""

    def __init__(self, account: Softphone, options: argparse.Namespace, call_id: int = -1) -> None:
        super().__init__(account, call_id)
        self.options = options
        self.started_s = time.monotonic()
        self.answered_s: float | None = None
        self.ended = False
        self.player: Any = None
        self.recorder: Any = None

    def tell(self, event: str, **fields: object) -> None:
        """Print one event with its time in the call."""
        emit(event, at_s=round(time.monotonic() - self.started_s, 3), **fields)

    def take(self, invite: str) -> None:
        """Answer an incoming call."""
        self.tell("invite", caller=header(invite, "From"))
        parameters = pj.CallOpParam()
        parameters.statusCode = 200
        self.answer(parameters)

    def run(self, endpoint: Any, account: Softphone) -> None:
        """Keep the call to its end, ours or theirs, and let the recorder write its last."""
        account.poll(endpoint, self.options.seconds if not self.options.press else 0.0, lambda: self.ended)
        if self.options.press:
            account.poll(endpoint, self.options.seconds, lambda: self.ended or self.answered_s is not None)
            account.poll(endpoint, 0.5, lambda: self.ended)
            if not self.ended:
                self.dialDtmf(self.options.press)
            account.poll(endpoint, self.options.seconds, lambda: self.ended)
        if not self.ended:
            self.count_packets()
            self.hangup(pj.CallOpParam())
            account.poll(endpoint, 2.0, lambda: self.ended)
        self.player = self.recorder = None
        # The recorder closes asynchronously; without this its file has no header.
        account.poll(endpoint, 0.25, lambda: False)

    def count_packets(self) -> None:
        """Print how many RTP packets came and went."""
        if self.hasMedia():
            stat = self.getStreamStat(0)  # kept: the binding frees what it holds with it
            self.tell("media", received=stat.rtcp.rxStat.pkt, sent=stat.rtcp.txStat.pkt)

    def tell_response(self, message: str) -> None:
        """Print a response to the INVITE, nothing for any other message."""
        status = re.match(r"SIP/2\.0 (\d+)", message)
        if status and "INVITE" in header(message, "CSeq"):
            sdp = "application/sdp" in header(message, "Content-Type")
            self.tell("response", code=int(status[1]), reason=header(message, "Reason"), sdp=sdp)

    def onCallTsxState(self, prm: Any) -> None:  # noqa: N802
        body = prm.e.body.tsxState
        if body.type != pj.PJSIP_EVENT_RX_MSG:
            return
        message = body.src.rdata.wholeMsg
        if message.startswith("BYE "):
            self.count_packets()
            self.tell("bye", reason=header(message, "Reason"))
        else:
            self.tell_response(message)

    def onCallState(self, prm: Any) -> None:  # noqa: N802
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.answered_s = time.monotonic()
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            body = prm.e.body.tsxState
            # A final failure reaches this callback only.
            if prm.e.type == pj.PJSIP_EVENT_TSX_STATE and body.type == pj.PJSIP_EVENT_RX_MSG:
                self.tell_response(body.src.rdata.wholeMsg)
            self.tell("end", code=int(info.lastStatusCode))
            self.ended = True

    def onCallMediaState(self, _prm: Any) -> None:  # noqa: N802
        try:
            audio = self.getAudioMedia(-1)
        except pj.Error:
            return
        if self.options.play and self.player is None:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.options.play)
            self.player.startTransmit(audio)
        if self.options.record and self.recorder is None:
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.options.record)
            audio.startTransmit(self.recorder)

    def onDtmfEvent(self, prm: Any) -> None:  # noqa: N802
        # An RFC 4733 event comes in many packets; its last one, and an INFO, carry the end flag.
        if prm.flags & DTMF_IS_END:
            method = "rfc4733" if prm.method == pj.PJSUA_DTMF_METHOD_RFC2833 else "info"
            self.tell("digit", digit=prm.digit, method=method, duration_ms=prm.duration)


def emit(event: str, **fields: object) -> None:
    """Print one event, at once."""
    sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
    sys.stdout.flush()


def header(message: str, name: str) -> str:
    """Value of a header in the text of a SIP message, empty if it has none."""
    found = re.search(rf"^{name}: *(.*?)\r?$", message, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit(main())
