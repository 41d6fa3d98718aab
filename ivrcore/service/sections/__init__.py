"""The sections of the service's settings: what can be set, its default, and its description.

A module a subject. The description is what `ivrcore init` writes above a setting, so it says all that a
reader of the file needs.
"""

from ivrcore.service.sections.base import Section
from ivrcore.service.sections.calls import BarredPolicy, CallSettings, FrequencySettings, NumberPolicy
from ivrcore.service.sections.http import ApiSection, HttpSettings
from ivrcore.service.sections.notify import NotifyMode, NotifySettings, PushSignature
from ivrcore.service.sections.ops import LogFormat, OpsSettings, StoreSettings
from ivrcore.service.sections.records import BillingSettings, RecordingSettings, RetentionSettings
from ivrcore.service.sections.speech import SpeechEngineName, SpeechSection
from ivrcore.service.sections.trunks import TrunkSettings
from ivrcore.service.sections.workers import WorkersSettings

__all__ = [
    "ApiSection",
    "BarredPolicy",
    "BillingSettings",
    "CallSettings",
    "FrequencySettings",
    "HttpSettings",
    "LogFormat",
    "NotifyMode",
    "NotifySettings",
    "NumberPolicy",
    "OpsSettings",
    "PushSignature",
    "RecordingSettings",
    "RetentionSettings",
    "Section",
    "SpeechEngineName",
    "SpeechSection",
    "StoreSettings",
    "TrunkSettings",
    "WorkersSettings",
]
