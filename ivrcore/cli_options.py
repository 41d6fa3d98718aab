"""Options that every command with a call has: where it goes, through which stack, and what is shown of it."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from sip.trunk import DEFAULT_CODECS, Srtp, Transport

Trunk: TypeAlias = Annotated[str, typer.Option(help="Where numbers are sent: host or host:port.")]
Proxy: TypeAlias = Annotated[str, typer.Option(help="Outbound proxy, a SIP URI.")]
User: TypeAlias = Annotated[str, typer.Option(help="Digest user of the trunk.")]
Password: TypeAlias = Annotated[
    str, typer.Option(envvar="IVRCORE_TRUNK_PASSWORD", help="Digest password; better in the environment.")
]
Over: TypeAlias = Annotated[Transport, typer.Option("--transport", help="What carries SIP to the trunk.")]
Encrypted: TypeAlias = Annotated[
    Srtp, typer.Option("--srtp", help="Encrypt the audio; needs --transport tls, which carries the keys.")
]
Authorities: TypeAlias = Annotated[
    str, typer.Option(help="PEM file of the authorities a TLS trunk is checked with; else the system's.")
]
Codecs: TypeAlias = Annotated[str, typer.Option(help="Offered codecs, best first.")]
Bind: TypeAlias = Annotated[str, typer.Option(help="IP address for SIP and RTP, such as 192.0.2.5 or ::1.")]
AlsoBind: TypeAlias = Annotated[
    str, typer.Option(help="A second one, IPv6 if the first is IPv4 or the reverse: to bridge the two.")
]
SipPort: TypeAlias = Annotated[int, typer.Option(help="UDP port for SIP; 0 takes a free one.")]
RingTimeout: TypeAlias = Annotated[int, typer.Option(help="Seconds each party may ring.")]
RtpTimeout: TypeAlias = Annotated[
    float, typer.Option(help="Give up a party from which no RTP and no RTCP comes for so long; 0 for never.")
]
Data: TypeAlias = Annotated[
    Path, typer.Option(help="Directory for recordings, captures and prepared prompts.")
]
ClockScale: TypeAlias = Annotated[float, typer.Option(help="Let the customer's minutes pass faster.")]
Trace: TypeAlias = Annotated[Path | None, typer.Option(help="Write SIP messages and the stack's log here.")]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the end-of-call record as JSON.")]
Display: TypeAlias = Annotated[str, typer.Option(help="The number A sees.")]

SpeechCommand: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="COMMAND",
        help="A program that speaks instead of espeak-ng: its command line, with {wav} and {text}.",
    ),
]

ALL_CODECS = ",".join(DEFAULT_CODECS)
DATA = Path("ivrcore-data")
NOBODY = "ivrcore"
"""What a party sees when no number is given."""


def codec_names(option: str) -> tuple[str, ...]:
    """The codecs of a comma-separated list."""
    return tuple(part.strip().upper() for part in option.split(",") if part.strip())
