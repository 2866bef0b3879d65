"""Log-in by the hospital's own provider (OpenID Connect), which says who somebody is and in which groups.

The protocol is mozilla-django-oidc's: code flow with PKCE, state and nonce. Here stands what it leaves to the site:
whose token is believed, which account it opens, and which roles come from which claim.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Never

import httpx
import jwt
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from mozilla_django_oidc.auth import OIDCAuthenticationBackend
from requests import RequestException

from review.accounts import AccountError, make_linked_account, set_roles
from review.audit import record
from review.models import AuditAction, SignOnAccount
from review.roles import UserRole, roles_of

PROVIDER_KEPT_S = 3600
PROVIDER_TIMEOUT_S = 10
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class SignOnRefusedError(Exception):
    """Single sign-on opens nothing; the text is for who tried."""


class ProviderAwayError(Exception):
    """The provider does not answer, or not as OpenID Connect has it."""


def provider() -> dict[str, Any]:
    """What the provider says of itself (OpenID Connect Discovery 1.0), asked once an hour.

    Raises:
        ProviderAwayError: it does not answer, is another one than the setting names, or lacks an endpoint.
    """
    key = f"oidc-provider-{settings.OIDC_ISSUER}"
    known: dict[str, Any] | None = cache.get(key)
    if known is not None:
        return known
    told = _asked(f"{settings.OIDC_ISSUER.rstrip('/')}/.well-known/openid-configuration")
    if told.get("issuer") != settings.OIDC_ISSUER:
        raise ProviderAwayError("The provider calls itself otherwise than OIDC_ISSUER does.")
    if missing := [name for name in ENDPOINTS if not told.get(name)]:
        raise ProviderAwayError(f"The provider does not name its {missing[0]}.")
    cache.set(key, told, PROVIDER_KEPT_S)
    return told


def _asked(address: str) -> dict[str, Any]:
    try:
        told = httpx.get(address, timeout=PROVIDER_TIMEOUT_S).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        raise ProviderAwayError(f"The provider does not answer: {error}") from error
    if not isinstance(told, dict):
        raise ProviderAwayError(f"What the provider gives at {address} is not what it should be.")
    return told


class SingleSignOn(OIDCAuthenticationBackend):
    """Django's way to an account by a code that the provider gave to the browser."""

    def __init__(self) -> None:
        # The library asks all settings here, also for every log-in by password, when the provider may be away.
        self.UserModel = User
        self.OIDC_RP_CLIENT_ID = settings.OIDC_RP_CLIENT_ID
        self.OIDC_RP_CLIENT_SECRET = settings.OIDC_RP_CLIENT_SECRET
        self.OIDC_RP_SIGN_ALGO = settings.OIDC_RP_SIGN_ALGO
        self.OIDC_RP_IDP_SIGN_KEY = None

    @property
    def OIDC_OP_TOKEN_ENDPOINT(self) -> str:
        """Where codes become tokens."""
        return str(provider()["token_endpoint"])

    @property
    def OIDC_OP_USER_ENDPOINT(self) -> str:
        """Where more is told of a person; empty where nothing is."""
        return str(provider().get("userinfo_endpoint", ""))

    def authenticate(
        self, request: HttpRequest | None, nonce: str | None = None, code_verifier: str | None = None
    ) -> User | None:
        """The account that the code in the address opens; None where this is no way back from the provider.

        Raises:
            SignOnRefusedError: there is no account for this person, or it may not come in.
            ProviderAwayError: the provider does not answer.
        """
        if nonce is None:
            return None
        try:
            return super().authenticate(request, nonce=nonce, code_verifier=code_verifier)
        except RequestException as error:
            raise ProviderAwayError(f"The provider does not answer: {error}") from error

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        """The provider's key of this token: the one that it names, or the only one (RFC 7517 section 4.5)."""
        named = jwt.get_unverified_header(token).get("kid")
        keys = [
            one for one in _asked(provider()["jwks_uri"]).get("keys", ()) if named in (None, one.get("kid"))
        ]
        if len(keys) != 1:
            raise SuspiciousOperation("The identity token names no key of the provider.")
        return jwt.PyJWK(keys[0])

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """The claims of an identity token that the provider signed for us, and that has not ended."""
        try:
            claims: dict[str, Any] = super().verify_token(token, **kwargs)
        except (jwt.PyJWTError, KeyError) as error:
            raise SuspiciousOperation("The identity token is not valid.") from error
        audience = claims.get("aud")
        if self.OIDC_RP_CLIENT_ID not in ([audience] if isinstance(audience, str) else audience or []):
            raise SuspiciousOperation("The identity token was made for another program.")
        if claims.get("iss") != settings.OIDC_ISSUER or "exp" not in claims or not claims.get("sub"):
            raise SuspiciousOperation(
                "The identity token is of another provider, has no end, or names nobody."
            )
        return claims

    def get_or_create_user(self, access_token: str, id_token: str, payload: dict[str, Any]) -> User:
        """The account of the person, with the roles of today."""
        claims = dict(payload)
        if self.OIDC_OP_USER_ENDPOINT:
            more = self.get_userinfo(access_token, id_token, payload)
            if more.get("sub") != payload["sub"]:
                raise SignOnRefusedError("The provider spoke of two persons.")
            claims = more | claims
        return account_of(claims)


def account_of(claims: Mapping[str, Any]) -> User:
    """The account of the person whom the claims describe, made where it is the first time.

    Raises:
        SignOnRefusedError: no role, a locked account, or a name that an account of ours already has.
    """
    roles = roles_in(claims)
    known = SignOnAccount.objects.select_related("user").filter(
        issuer=settings.OIDC_ISSUER, subject=str(claims["sub"])
    )
    link = known.first()
    if link is None:
        return _make(claims, roles)
    user = link.user
    if not user.is_active:
        _refuse(user.username, "This account is locked.")
    if {str(one) for one in roles_of(user)} != set(roles):
        try:
            set_roles(user, roles, by="single sign-on")
        except AccountError as error:
            _refuse(user.username, str(error))
    if not roles:
        _refuse(user.username, "Your account has no role here any more.")
    return User.objects.get(pk=user.pk)


def _make(claims: Mapping[str, Any], roles: Sequence[str]) -> User:
    name = str(claims.get(settings.OIDC_NAME_CLAIM) or claims["sub"])
    if not roles:
        _refuse(name, "Your account has no role here. Ask an administrator for one.")
    try:
        with transaction.atomic():
            user = make_linked_account(name, roles, by="single sign-on", email=str(claims.get("email") or ""))
            SignOnAccount.objects.create(user=user, issuer=settings.OIDC_ISSUER, subject=str(claims["sub"]))
    except AccountError as error:
        # An account of that name is somebody's who logs in by password: whoever names himself so is not believed.
        _refuse(name, f"No account could be made for {name}: {error}")
    return user


def _refuse(name: str, why: str) -> Never:
    record(AuditAction.LOGIN_FAILED, name, way="single sign-on", why=why)
    raise SignOnRefusedError(why)


def roles_in(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """The roles that the claim of groups gives; the claim may lie deeper, as in `realm_access.roles`."""
    found: Any = claims
    for part in settings.OIDC_ROLES_CLAIM.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    groups = {found} if isinstance(found, str) else set(map(str, found or ()))
    told = (pair.partition("=") for pair in settings.OIDC_ROLES)
    return tuple(sorted({role for role, _, group in told if role in set(UserRole) and group in groups}))
