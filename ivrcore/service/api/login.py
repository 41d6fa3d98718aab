"""The oldest login style, behind a setting: a password for tokens, a refresh, a log-out.

Source: old public clients of the service; nothing current documents it. Parameters may stand in the query or
in a form body.
"""

import hmac
from collections.abc import Mapping

from ivrcore.service.api.auth import APP_KEY, Asker, Authenticator, check_standing
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.models import ResultBody, TokenBody
from ivrcore.service.api.ports import LoginTokens, Ports, TokenPort
from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import ClientApp

SUCCEEDED = "Succeed"
"""The text of this style; everything newer says Success."""


class OldLogins:
    """fastlogin, refresh and logout."""

    def __init__(self, ports: Ports, tokens: TokenPort, authenticator: Authenticator) -> None:
        self._ports = ports
        self._tokens = tokens
        self._authenticator = authenticator

    async def log_in(self, asker: Asker, parameters: Mapping[str, str]) -> TokenBody:
        """Exchange the account's name and password for tokens of one application.

        Raises:
            Refusal: 1010003, or 1023006 for a wrong name or password.
        """
        self._authenticator.check_block(asker.ip)
        app = await self._app(asker, parameters)
        name = parameters.get("username", "")
        password = asker.headers.get("authorization", "")
        account = app.account
        # Both are compared whatever the first one says: the time must not tell which one was wrong.
        same_name = hmac.compare_digest(account.name.encode(), name.encode())
        same_password = hmac.compare_digest(account.password.encode(), password.encode())
        if not (account.password and same_name and same_password):
            raise self._failed(asker, ResultCode.NO_AUTHORIZATION)
        check_standing(app, asker.ip)
        return _body(await self._tokens.issue(app.app_key, self._ports.now()))

    async def refresh(self, asker: Asker, parameters: Mapping[str, str]) -> TokenBody:
        """Exchange a refresh token for a new pair.

        Raises:
            Refusal: 1010009 for a wrong app_secret, 1010004 for an unknown token.
        """
        self._authenticator.check_block(asker.ip)
        app = await self._app(asker, parameters)
        secret = parameters.get("app_secret", "")
        if not hmac.compare_digest(app.secret.encode(), secret.encode()):
            raise self._failed(asker, ResultCode.API_QUOTA)
        check_standing(app, asker.ip)
        token = parameters.get("refresh_token", "")
        pair = None
        if APP_KEY.fullmatch(token):
            pair = await self._tokens.refresh(token, app.app_key, self._ports.now())
        if pair is None:
            raise self._failed(asker, ResultCode.INVALID_TOKEN)
        return _body(pair)

    async def log_out(self, asker: Asker, parameters: Mapping[str, str]) -> ResultBody:
        """Forget a token.

        Raises:
            Refusal: 1010004 for one that is not this application's.
        """
        self._authenticator.check_block(asker.ip)
        app = await self._app(asker, parameters)
        token = parameters.get("access_token", "")
        owner = await self._tokens.find(token, self._ports.now()) if APP_KEY.fullmatch(token) else None
        if owner != app.app_key:
            raise self._failed(asker, ResultCode.INVALID_TOKEN)
        await self._tokens.revoke(token)
        return ResultBody(resultcode=ResultCode.SUCCESS.code, resultdesc=SUCCEEDED)

    async def _app(self, asker: Asker, parameters: Mapping[str, str]) -> ClientApp:
        app_key = parameters.get("app_key", "")
        app = await self._ports.app_by_key(app_key) if APP_KEY.fullmatch(app_key) else None
        if app is None:
            raise self._failed(asker, ResultCode.UNKNOWN_APP_KEY)
        return app

    def _failed(self, asker: Asker, result: ResultCode) -> Refusal:
        self._authenticator.count_failure(asker.ip)
        return Refusal(result)


def _body(tokens: LoginTokens) -> TokenBody:
    return TokenBody(
        resultcode=ResultCode.SUCCESS.code,
        resultdesc=SUCCEEDED,
        access_token=tokens.token,
        refresh_token=tokens.refresh,
        expires_in=str(tokens.expires_in_s),
    )
