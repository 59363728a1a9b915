"""What a gateway tells of itself."""

from services.chassis.metrics import Counter, Gauge, Histogram

REQUESTS = Counter("clipferry_http_requests_total", "HTTP requests that were answered.", ("method", "route", "status"))
REQUEST_SECONDS = Histogram("clipferry_http_request_seconds", "How long HTTP requests took.", ("method", "route"))
CONNECTIONS = Counter("clipferry_websocket_connections_total", "WebSocket clients that have said hello.")
DROPPED = Counter("clipferry_websocket_dropped_total", "WebSocket clients that stopped reading and were dropped.")
CONNECTED = Gauge("clipferry_websocket_connected_clients", "WebSocket clients that are connected now.")
SUBSCRIPTIONS = Gauge("clipferry_websocket_subscriptions", "Their subscriptions, by kind of channel.", ("channel",))
