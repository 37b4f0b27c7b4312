"""Lists the APIs of others that the service speaks; each is one module, or one folder."""

from app.api.analyze.routes import ANALYZE
from app.api.dialects import presidio, vllm
from app.api.dialects.dialect import Dialect
from app.api.dialects.huggingface import routes as huggingface
from app.api.dialects.invocations import routes as invocations
from app.api.dialects.label_studio import routes as label_studio
from app.api.dialects.tei import routes as tei
from app.api.dialects.v2 import routes as v2
from app.api.inference.routes import OWN_ROUTES, RouteTable
from app.settings.settings import Settings

DIALECTS = (
    huggingface.DIALECT,
    invocations.DIALECT,
    label_studio.DIALECT,
    presidio.DIALECT,
    tei.DIALECT,
    v2.DIALECT,
    vllm.DIALECT,
)


def spoken(settings: Settings) -> list[Dialect]:
    """Return those that are switched on."""
    found = [dialect for dialect in DIALECTS if dialect.name in settings.spoken_dialects]
    if invocations.DIALECT in found:  # its second paths count more than what has them otherwise
        found.append(invocations.make_vertex(settings))
    return found


def make_routes(settings: Settings) -> RouteTable:
    """Return all routes that answer inferences: ours first, then those of others."""
    foreign = [one.route for dialect in spoken(settings) for one in dialect.posted]
    return RouteTable([*OWN_ROUTES, ANALYZE, *foreign])
