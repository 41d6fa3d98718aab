"""The ways out."""

from enum import Enum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from ivrcore.service.sections.base import Section
from sip.address import Family
from sip.errors import SipConfigError
from sip.trunk import DEFAULT_CODECS, Srtp, Transport, Trunk


class TrunkFamily(Enum):
    """In which family of addresses the name of a trunk is looked up."""

    AUTO = "auto"
    IPV4 = "ipv4"
    IPV6 = "ipv6"


_FAMILIES = {TrunkFamily.AUTO: None, TrunkFamily.IPV4: Family.IPV4, TrunkFamily.IPV6: Family.IPV6}


class TrunkSettings(Section):
    """One way out; a list of them, `[[trunks]]`."""

    name: str = Field(min_length=1, max_length=32, examples=["carrier"], description="Its name in logs.")
    host: str = Field(
        examples=["sip.carrier.example"],
        description="Where numbers are sent: host or host:port, an IPv6 address in brackets.",
    )
    proxy: str = Field(default="", description="Outbound proxy, a SIP URI.")
    family: TrunkFamily = Field(
        default=TrunkFamily.AUTO,
        description="Whether a name is looked up as ipv4 or ipv6 address; auto: as workers.bind is one.",
    )
    transport: Transport = Field(
        default=Transport.UDP, description="What carries SIP: udp, tcp, or tls (1.2 and 1.3)."
    )
    srtp: Srtp = Field(
        default=Srtp.OFF,
        description="Whether the audio is encrypted: off, optional (the far end may decline) or required. "
        "Its keys are in the signalling, so it needs tls.",
    )
    user: str = Field(default="", description="Digest user.")
    password: SecretStr = Field(default=SecretStr(""), description="Digest password.")
    identity_host: str = Field(default="", description="Host part of our From; empty: the trunk's host.")
    prefixes: tuple[str, ...] = Field(
        default=(),
        description="Numbers that begin so go here, the longest prefix decides; of one trunk at the most "
        "it is empty: that one takes the rest.",
    )

    def trunk(self, codecs: tuple[str, ...] = DEFAULT_CODECS) -> Trunk:
        """As the core takes it.

        Raises:
            SipConfigError: a part is malformed.
        """
        return Trunk(
            host=self.host,
            proxy=self.proxy,
            user=self.user,
            password=self.password.get_secret_value(),
            identity_host=self.identity_host,
            codecs=codecs,
            transport=self.transport,
            srtp=self.srtp,
            family=_FAMILIES[self.family],
        )

    @model_validator(mode="after")
    def _well_formed(self) -> Self:
        try:
            self.trunk()
        except SipConfigError as error:
            raise ValueError(str(error)) from None
        return self
