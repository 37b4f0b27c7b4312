"""Settings of the port, of its connections, and of what a request may take."""

import ipaddress

from pydantic import BaseModel, Field, field_validator


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class NetworkSettings(BaseModel):
    """Where the service listens, and for how long to whom."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Any except loopback needs API keys or allow_anonymous.",
    )
    port: int = Field(
        8000,
        ge=0,
        le=65_535,
        description="TCP port; 0 takes a free one. AIP_HTTP_PORT, which Vertex AI sets, does the "
        "same.",
    )
    max_body_bytes: int = Field(
        1_048_576,
        ge=1024,
        description="Bytes of a request body. Raising it costs memory for each request.",
    )
    max_head_bytes: int = Field(
        32_768,
        ge=1024,
        description="Bytes of a request line with its headers. Raising it costs memory for each "
        "connection.",
    )
    max_connections: int = Field(
        10_000,
        ge=1,
        description="Connections at the same time; fewer where the process may open fewer files.",
    )
    head_seconds: float = Field(
        10.0,
        gt=0,
        description="Time for the head of a request to come whole, from its first byte or from the "
        "connection; then the connection is closed.",
    )
    keep_alive_seconds: float = Field(
        75.0,
        gt=0,
        description="Silence between two requests after which a connection is closed. Keep it "
        "longer than that of the proxy in front, or the proxy sends into closed connections.",
    )
    max_connection_seconds: float = Field(
        0.0,
        ge=0,
        description="Age after which a connection is closed with its next answer, spread by 20 % "
        "up and down; 0 keeps connections. Set it where a balancer that spreads connections, not "
        "requests, has to bring load to new replicas.",
    )
    drain_seconds: float = Field(
        1.0,
        ge=0,
        description="How long new requests are still answered after SIGTERM, while readiness "
        "already says no. Raise it to the time that a load balancer needs to notice.",
    )

    @field_validator("host")
    @classmethod
    def _plain_host(cls, host: str) -> str:
        return host.strip("[]").lower()

    @property
    def on_loopback(self) -> bool:
        return is_loopback(self.host)
