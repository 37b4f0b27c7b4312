"""The daily report: what Prometheus recorded of a service, as one HTML file."""
