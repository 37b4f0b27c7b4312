"""Dependencies of the framework's routes: the service, and the scope that a caller needs."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from app.errors import NotAuthorized
from app.security import Scope, check_origin
from app.service import Service


async def get_service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(get_service)]
_bearer = HTTPBearer(auto_error=False, description="An API key, where the service has keys.")


def require(*scopes: Scope) -> Callable[..., Awaitable[None]]:
    """Return a dependency that lets only callers with one of the scopes pass."""

    async def check(
        request: Request, service: ServiceDep, _: Annotated[object, Depends(_bearer)]
    ) -> None:
        headers = request.headers
        service.authorizer.check_host(headers.get("host", ""))
        if scopes == ("admin",):
            sent_from = headers.get("origin", ""), headers.get("host", "")
            check_origin(*sent_from, headers.get("sec-fetch-site", ""))
        state = request.scope["state"]  # the request log's
        try:
            state["key"] = service.authorizer.check(headers.get("authorization"), *scopes)
        except NotAuthorized as exc:
            state["key"] = exc.key
            raise

    return check
