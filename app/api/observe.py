"""Around every request to the framework: its id, its metrics, and leave-taking while draining."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.auth import Service
from app.api.headers import header
from app.api.request_log import UNROUTED, Observation


class Observe:
    """Counts and times every request; labels are route templates, never raw paths."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given_id = header(scope, b"x-request-id")
        observation = Observation(self._service.metrics, scope["method"], given_id)
        state = scope.setdefault("state", {})
        state["request_id"] = observation.request_id
        status = 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = [(b"x-request-id", observation.request_id.encode())]
                if self._service.lifecycle.draining:
                    added.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        finally:
            observation.route = getattr(scope.get("route"), "path", UNROUTED)
            observation.model = state.get("model", "")
            observation.end(status or 500)
