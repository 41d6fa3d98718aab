"""The stack's accounts: whom an INVITE is sent as, and who takes one that comes in.

An account has one address for media and one way to write it into SDP, so there is one for each trunk and each
family of addresses that it is reached by. What comes in is given to the first account, but on a second
address of the endpoint to one that is tied to that address's port: the stack lets the port decide before it
looks at names, and among equals the priority.
"""

import logging
import random
from collections.abc import Callable, Iterable

import pjsua2 as pj

from sip.address import Family, IpAddress, family_of, family_towards
from sip.endpoint import EndpointSettings
from sip.pjsua.ports import Port, has_ipv6
from sip.pjsua.rtp import account_ports
from sip.pjsua.secure import protect_media
from sip.rtp_ports import RtpPorts
from sip.trunk import Srtp, Trunk

log = logging.getLogger("ivrcore.sip")

TakeIncoming = Callable[["Account", int, str], None]
"""Is given an INVITE: the account it came to, the stack's number for its call, the message."""

_USE = {Family.IPV4: pj.PJSUA_IPV6_DISABLED, Family.IPV6: pj.PJSUA_IPV6_ENABLED_USE_IPV6_ONLY}


class Account(pj.Account):
    """Hands an INVITE over; refusing or answering it is decided on the reactor's thread."""

    def __init__(self, incoming: TakeIncoming) -> None:
        super().__init__()
        self._incoming = incoming

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:  # noqa: N802
        """An INVITE: pjsua2 wants the Call object before this returns."""
        try:
            self._incoming(self, prm.callId, prm.rdata.wholeMsg)
        except Exception:
            log.exception("onIncomingCall")


class Accounts:
    """All accounts of one stack."""

    def __init__(self, settings: EndpointSettings, incoming: TakeIncoming) -> None:
        self._settings = settings
        self._incoming = incoming
        self._addresses: dict[Family, IpAddress] = {family_of(one): one for one in settings.addresses}
        self._rtp_ports = RtpPorts(settings.rtp_first_port, settings.rtp_last_port)
        self._chance = random.Random()
        self._identity = ""
        self._listening: list[Account] = []
        self._calling: dict[tuple[Trunk, Family], Account] = {}

    def listen(self, ports: Iterable[Port]) -> None:
        """Take the INVITEs that come in by these ports; the first port ever is the endpoint's own."""
        plain = Trunk(codecs=self._settings.codecs)
        srtp = Srtp(self._settings.srtp)
        first = next(iter(self._addresses))
        for port in ports:
            if not self._listening:
                self._identity = f"sip:{self._settings.user_agent}@{port.address}"
                account = self._new(plain, srtp, first)
                if srtp is plain.srtp:
                    self._calling[plain, first] = account
                self._listening.append(account)
            elif port.family is not first:
                self._listening.append(self._new(plain, srtp, port.family, port))

    def towards(self, trunk: Trunk, uri: str) -> Account:
        """The account that carries a trunk's proxy and credentials to a destination; made on first use.

        Raises:
            SipConfigError: see `family_towards`.
        """
        key = trunk, self.family_towards(trunk, uri)
        if key not in self._calling:
            self._calling[key] = self._new(trunk, trunk.srtp, key[1])
        return self._calling[key]

    def family_towards(self, trunk: Trunk, uri: str) -> Family:
        """How a destination is reached.

        Raises:
            SipConfigError: the endpoint has no address of that family.
        """
        return family_towards(trunk.next_hop(uri), self._settings.addresses, trunk.family)

    def shutdown(self) -> None:
        """End them all."""
        for account in dict.fromkeys((*self._listening, *self._calling.values())):
            account.shutdown()
        self._listening.clear()
        self._calling.clear()

    def _new(self, trunk: Trunk, srtp: Srtp, family: Family, tied_to: Port | None = None) -> Account:
        config = pj.AccountConfig()
        # The same for all, so that no name in a foreign INVITE prefers one of them.
        config.idUri = self._identity
        config.regConfig.registerOnAdd = False
        if trunk.proxy:
            config.sipConfig.proxies.append(trunk.proxy if ";lr" in trunk.proxy else f"{trunk.proxy};lr")
        if trunk.user:
            config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", trunk.user, 0, trunk.password))
        if tied_to is not None:
            config.priority, config.sipConfig.transportId = 1, tied_to.transport
        if has_ipv6():
            config.sipConfig.ipv6Use = config.mediaConfig.ipv6Use = _USE[family]
        rtp = config.mediaConfig.transportConfig
        rtp.boundAddress = str(self._addresses[family])
        rtp.port, rtp.portRange = account_ports(self._rtp_ports, self._chance)
        config.mediaConfig.streamKaEnabled = False
        protect_media(config, srtp)
        account = Account(self._incoming)
        account.create(config, not self._listening)
        return account
