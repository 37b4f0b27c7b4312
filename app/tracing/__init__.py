"""Tracing: spans of requests and batches for an OpenTelemetry collector, if one is named."""
