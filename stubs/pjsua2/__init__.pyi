"""Types of the part of pjsua2 (2.15) that sip.pjsua uses, nothing else: whoever needs more adds it here.

pjsua2 structures are C++ objects, so attributes are declared without a default: the library fills them.
Enumerations of pjproject arrive as plain int. A method whose C++ side throws raises `Error`.
"""

# ruff: noqa: A002, N802, N803, N815  (the names are pjsua2's)

from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

_T = TypeVar("_T")

PJMEDIA_DIR_ENCODING_DECODING: int
PJMEDIA_FILE_NO_LOOP: int
PJMEDIA_SRTP_DISABLED: int
PJMEDIA_SRTP_MANDATORY: int
PJMEDIA_SRTP_OPTIONAL: int
PJMEDIA_TYPE_AUDIO: int
PJSIP_EVENT_RX_MSG: int
PJSIP_EVENT_TSX_STATE: int
PJSIP_INV_STATE_CONFIRMED: int
PJSIP_INV_STATE_EARLY: int
PJSIP_INV_STATE_DISCONNECTED: int
PJSIP_REDIRECT_REJECT: int
PJSIP_ROLE_UAS: int
PJSIP_TRANSPORT_TCP: int
PJSIP_TRANSPORT_TCP6: int
PJSIP_TRANSPORT_TLS: int
PJSIP_TRANSPORT_TLS6: int
PJSIP_TRANSPORT_UDP: int
PJSIP_TRANSPORT_UDP6: int
PJSIP_TSX_STATE_TRYING: int
PJSUA_DTMF_METHOD_RFC2833: int
PJSUA_DTMF_METHOD_SIP_INFO: int
PJSUA_INVALID_ID: int
PJSUA_IPV6_DISABLED: int
PJSUA_IPV6_ENABLED_USE_IPV6_ONLY: int
PJ_SSL_SOCK_PROTO_TLS1_2: int
PJ_SSL_SOCK_PROTO_TLS1_3: int

class Error(Exception):
    status: int
    title: str
    reason: str

class _Vector(Generic[_T]):
    """A std::vector seen through SWIG."""

    def append(self, x: _T) -> None: ...
    def __len__(self) -> int: ...

class StringVector(_Vector[str]): ...
class SipHeaderVector(_Vector[SipHeader]): ...
class AuthCredInfoVector(_Vector[AuthCredInfo]): ...

# -- endpoint and configuration -----------------------------------------------------------------------

class Version:
    full: str

class LogConfig:
    level: int
    consoleLevel: int
    msgLogging: int
    filename: str

class UaConfig:
    threadCnt: int
    maxCalls: int
    userAgent: str

class MediaConfig:
    clockRate: int
    sndClockRate: int
    channelCount: int
    audioFramePtime: int
    ptime: int
    noVad: bool
    ecTailLen: int
    sndAutoCloseTime: int
    jbInit: int
    jbMinPre: int
    jbMaxPre: int
    jbMax: int

class EpConfig:
    logConfig: LogConfig
    uaConfig: UaConfig
    medConfig: MediaConfig
    def __init__(self) -> None: ...

class TransportConfig:
    port: int
    portRange: int
    boundAddress: str
    tlsConfig: TlsConfig
    def __init__(self) -> None: ...

class TlsConfig:
    CaListFile: str
    certFile: str
    privKeyFile: str
    proto: int
    verifyServer: bool

class TransportInfo:
    localName: str

class CodecInfo:
    codecId: str
    priority: int

class AudDevManager:
    def setNullDev(self) -> None: ...
    def getPlaybackDevMedia(self) -> AudioMedia: ...

class Endpoint:
    def __init__(self) -> None: ...
    @staticmethod
    def instance() -> Endpoint: ...
    def libVersion(self) -> Version: ...
    def libCreate(self) -> None: ...
    def libInit(self, prmEpConfig: EpConfig) -> None: ...
    def libStart(self) -> None: ...
    def libDestroy(self, prmFlags: int = 0) -> None: ...
    def transportCreate(self, type: int, cfg: TransportConfig) -> int: ...
    def transportGetInfo(self, id: int) -> TransportInfo: ...
    def audDevManager(self) -> AudDevManager: ...
    def codecEnum2(self) -> Sequence[CodecInfo]: ...
    def codecSetPriority(self, codec_id: str, priority: int) -> None: ...

# -- account ----------------------------------------------------------------------------------------------

class AuthCredInfo:
    def __init__(self, scheme: str, realm: str, user_name: str, data_type: int, data: str) -> None: ...

class AccountRegConfig:
    registerOnAdd: bool

class AccountSipConfig:
    authCreds: AuthCredInfoVector
    proxies: StringVector
    transportId: int
    ipv6Use: int

class AccountMediaConfig:
    transportConfig: TransportConfig
    streamKaEnabled: bool
    srtpUse: int
    srtpSecureSignaling: int
    ipv6Use: int

class AccountConfig:
    priority: int
    idUri: str
    regConfig: AccountRegConfig
    sipConfig: AccountSipConfig
    mediaConfig: AccountMediaConfig
    def __init__(self) -> None: ...

class SwigPointer:
    """Where the C++ object is."""

    def __int__(self) -> int: ...

class SipRxData:
    wholeMsg: str
    pjRxData: SwigPointer

class OnIncomingCallParam:
    callId: int
    rdata: SipRxData

class Account:
    def __init__(self) -> None: ...
    def create(self, cfg: AccountConfig, make_default: bool = False) -> None: ...
    def shutdown(self) -> None: ...
    def onIncomingCall(self, prm: OnIncomingCallParam) -> None: ...

# -- call -------------------------------------------------------------------------------------------------

class SipHeader:
    hName: str
    hValue: str
    def __init__(self) -> None: ...

class SipTxOption:
    localUri: str
    headers: SipHeaderVector

class CallSetting:
    audioCount: int
    videoCount: int
    textCount: int  # since 2.16

class CallOpParam:
    opt: CallSetting
    statusCode: int
    txOption: SipTxOption
    def __init__(self, useDefaultCallSetting: bool = False) -> None: ...

class CallSendDtmfParam:
    method: int
    duration: int
    digits: str
    def __init__(self) -> None: ...

class CallMediaInfo:
    type: int
    dir: int

class CallMediaInfoVector:
    def __iter__(self) -> Iterator[CallMediaInfo]: ...

class CallInfo:
    state: int
    lastStatusCode: int
    lastReason: str
    media: CallMediaInfoVector

class StreamInfo:
    audTxEventPt: int

class RtcpStreamStat:
    pkt: int
    updateCount: int

class RtcpStat:
    rxStat: RtcpStreamStat
    txStat: RtcpStreamStat

class StreamStat:
    rtcp: RtcpStat

class SipTransaction:
    role: int
    state: int
    method: str
    statusCode: int

class TsxStateEventSrc:
    rdata: SipRxData

class TsxStateEvent:
    type: int
    src: TsxStateEventSrc
    tsx: SipTransaction

class SipEventBody:
    tsxState: TsxStateEvent

class SipEvent:
    type: int
    body: SipEventBody

class OnCallStateParam:
    e: SipEvent

class OnCallTsxStateParam:
    e: SipEvent

class OnCallMediaStateParam: ...
class OnCallRedirectedParam: ...

class OnCallTransferRequestParam:
    dstUri: str
    statusCode: int

class OnCallReplaceRequestParam:
    statusCode: int
    reason: str

class OnDtmfEventParam:
    method: int
    timestamp: int
    digit: str
    duration: int
    flags: int

class MediaTransportInfo:
    localRtpName: str

class Call:
    def __init__(self, acc: Account, call_id: int = ...) -> None: ...
    def isActive(self) -> bool: ...
    def getInfo(self) -> CallInfo: ...
    def getAudioMedia(self, med_idx: int) -> AudioMedia: ...
    def getStreamInfo(self, med_idx: int) -> StreamInfo: ...
    def getStreamStat(self, med_idx: int) -> StreamStat: ...
    def getMedTransportInfo(self, med_idx: int) -> MediaTransportInfo: ...
    def makeCall(self, dst_uri: str, prm: CallOpParam) -> None: ...
    def answer(self, prm: CallOpParam) -> None: ...
    def hangup(self, prm: CallOpParam) -> None: ...
    def sendDtmf(self, param: CallSendDtmfParam) -> None: ...
    def onCallState(self, prm: OnCallStateParam) -> None: ...
    def onCallTsxState(self, prm: OnCallTsxStateParam) -> None: ...
    def onCallMediaState(self, prm: OnCallMediaStateParam) -> None: ...
    def onCallRedirected(self, prm: OnCallRedirectedParam) -> int: ...
    def onCallTransferRequest(self, prm: OnCallTransferRequestParam) -> None: ...
    def onCallReplaceRequest(self, prm: OnCallReplaceRequestParam) -> None: ...
    def onDtmfEvent(self, prm: OnDtmfEventParam) -> None: ...

# -- media ------------------------------------------------------------------------------------------------

class AudioMediaTransmitParam:
    level: float
    def __init__(self) -> None: ...

class ConfPortInfo:
    listeners: _Vector[int]

class AudioMedia:
    def startTransmit(self, sink: AudioMedia) -> None: ...
    def startTransmit2(self, sink: AudioMedia, param: AudioMediaTransmitParam) -> None: ...
    def stopTransmit(self, sink: AudioMedia) -> None: ...
    def getTxLevel(self) -> int: ...
    def getPortInfo(self) -> ConfPortInfo: ...

class AudioMediaPlayer(AudioMedia):
    def __init__(self) -> None: ...
    def createPlayer(self, file_name: str, options: int = 0) -> None: ...
    def onEof2(self) -> None: ...
    @staticmethod
    def __swig_destroy__(player: AudioMediaPlayer) -> None: ...

class AudioMediaRecorder(AudioMedia):
    def __init__(self) -> None: ...
    def createRecorder(
        self, file_name: str, enc_type: int = 0, max_size: int = 0, options: int = 0
    ) -> None: ...

class MediaFormatAudio:
    type: int
    clockRate: int
    channelCount: int
    bitsPerSample: int
    frameTimeUsec: int
    def __init__(self) -> None: ...

class ByteVector(_Vector[int]):
    this: SwigPointer
    def __bytes__(self) -> bytes: ...

class MediaFrame:
    type: int
    buf: ByteVector
    size: int

class AudioMediaPort(AudioMedia):
    def __init__(self) -> None: ...
    def createPort(self, name: str, fmt: MediaFormatAudio) -> None: ...
    def onFrameReceived(self, frame: MediaFrame) -> None: ...
    @staticmethod
    def __swig_destroy__(port: AudioMediaPort) -> None: ...

class ToneDigit:
    digit: str
    on_msec: int
    off_msec: int
    volume: int
    def __init__(self) -> None: ...

class ToneDigitVector(_Vector[ToneDigit]):
    def __init__(self) -> None: ...

class ToneGenerator(AudioMedia):
    def __init__(self) -> None: ...
    def createToneGenerator(self, clock_rate: int = 16000, channel_count: int = 1) -> None: ...
    def playDigits(self, digits: ToneDigitVector, loop: bool = False) -> None: ...
