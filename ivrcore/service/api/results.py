"""Every result code of the API: its number, its text as published, and the HTTP status it travels with.

Source: the service's table of result codes. The HTTP status is the table's where it gives one; else 400 for
the 10230xx codes and 1010013, 500 for the internal ones, 403 for the rest (D13 in docs/compatibility.md).
"""

from enum import Enum


class ResultCode(Enum):
    """One result. Texts are published ones, slips of the pen included: clients compare them.

    Attributes:
        code: resultcode. text: resultdesc; `%s` in it is where a detail goes, else a detail follows it.
        http_status: unless a Refusal says otherwise.
    """

    SUCCESS = ("0", "Success", 200)

    NO_AUTHORIZATION = ("1023006", "Authorization not contained in the HTTP header.", 400)
    """Also the published catch-all for a wrong digest (D4)."""
    NO_REALM = ("1023007", "realm not contained in Authorization.", 400)
    NO_PROFILE = ("1023008", "profile not contained in Authorization.", 400)
    WRONG_REALM = ("1023009", "The value of realm in Authorization must be SDP.", 400)
    WRONG_PROFILE = ("1023010", "The value of profile in Authorization must be UsernameToken.", 400)
    WRONG_TYPE = ("1023011", "The value of type in Authorization must be app_key.", 400)
    NO_TYPE = ("1023012", "type not contained in Authorization.", 400)
    NO_X_AKSK = ("1023033", "HTTP header not found X-AKSK field.", 400)
    NO_USERNAME = ("1023034", "UserName not contained in X-AKSK.", 400)
    NO_NONCE = ("1023035", "Nonce not contained in X-AKSK.", 400)
    NO_CREATED = ("1023036", "Created not contained in X-AKSK.", 400)
    NO_DIGEST = ("1023037", "PasswordDigest not contained in X-AKSK.", 400)
    NO_USERNAME_TOKEN = ("1023038", "UsernameToken not contained in X-AKSK.", 400)
    CLOCK_SKEW = ("1010013", "Time out limit.", 400)

    INVALID_REQUEST = ("1010002", "Invalid request.", 403)
    UNKNOWN_APP_KEY = ("1010003", "Invalid app_key.", 403)
    INVALID_TOKEN = ("1010004", "Invalid access_token.", 403)
    INVALID_API = ("1010006", "Invalid Rest API.", 403)
    ACCOUNT_NOT_ACTIVE = ("1010007", "The ativeState of User is not ACTIVATING.", 403)
    APP_NOT_ACTIVE = ("1010008", "The status of the app_key is unavailable.", 403)
    API_QUOTA = ("1010009", "No more APIs can be invoked.", 403)
    """Of a token refresh: the app_secret is wrong."""
    PLATFORM_FLOW_CONTROL = ("1010010", "The flow control upper limit is reached on the platform.", 403)
    NOT_COMMERCIAL = ("1010011", "The app is not allowed to access a commercial address.", 403)
    APP_UNAVAILABLE = ("1010021", "Application unavailable.", 403)
    INVALID_DISPLAY_NUMBER = ("1010023", "Invalid display number.", 403)
    INVALID_CALLER_NUMBER = ("1010024", "Invalid caller number.", 403)
    SERVICE_NOT_ALLOWED = ("1010040", "The app_key is not allowed to invoke the API.", 403)
    TRAFFIC_CONTROL = ("1011006", "Under traffic control status", 403)
    NO_NUMBER_BOUND = ("1012001", "Resource of number is not to be applied.", 403)
    TEMPLATE_NOT_APPROVED = ("1012002", "The template ID is not approved.", 403)
    NO_SUCH_TEMPLATE = ("1012003", "The template ID does not exist.", 403)
    TEMPLATE_COUNT = ("1012004", "The template ID does not exist.", 403)
    """The number of templateParas differs from the template's variables; the text is published so."""
    TEMPLATE_VALUE = ("1012005", "%s of templateParas does not meet template rule.", 403)
    SERVICE_NUMBER_NOT_APPLIED = ("1012006", "The service number is not applied.", 403)
    RECORDING_NOT_OPEN = ("1012012", "Application does not open recording function.", 403)
    ACCOUNT_CALL_LIMIT = ("1013001", "Calls exceed the SP limit.", 403)
    APP_CALL_LIMIT = ("1013002", "Calls exceed the APP limit.", 403)
    NUMBER_CALL_LIMIT = ("1013003", "Calls exceed the display number limit.", 403)
    RECORD_PARAMETER_ERROR = ("1020003", "Parameter error.", 403)
    INVALID_SESSION = ("1020152", "Invalid sessionId.", 403)
    NO_FREE_PORT = ("1020165", "The appkey call port of using exceeds the limited.", 403)
    IP_NOT_ALLOWED = ("1020166", "The app client ip is not in ip white list.", 403)
    IP_BLOCKED = ("1020176", "Authentication failed, try again later", 403)

    SYSTEM_ERROR = ("1010001", "Internal system error.", 500)
    PARAMETER_ERROR = ("1020001", "Parameter error.", 500)
    INTERNAL_ERROR = ("1020002", "Internal error.", 500)
    APP_KEY_INVALID = ("1020150", "The app_key is invalid.", 500)
    INVALID_BIND_NUMBER = ("1020151", "The bindNum is invalid.", 500)

    def __init__(self, code: str, text: str, http_status: int) -> None:
        self.code = code
        self.text = text
        self.http_status = http_status

    def described(self, detail: str = "") -> str:
        """The resultdesc with a detail, at most MAX_DESCRIPTION characters.

        `Invalid request.` takes the parameter's name directly after its dot, as published.
        """
        whole = self.text.replace("%s", detail) if "%s" in self.text else self.text + detail
        return whole[:MAX_DESCRIPTION]


MAX_DESCRIPTION = 128
"""Of a resultdesc, in characters."""

BY_CODE = {result.code: result for result in ResultCode}
