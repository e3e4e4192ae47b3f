"""Stands in for `python -m app`: `worker --role R` answers /health/ready, `simulator` writes its ready file.

A role writes the settings it got to ``<state>/<role>.env.json``. With ``APP_ID=wrong`` it finds a setting wrong.
"""

import http.server
import json
import os
import pathlib
import sys

state = pathlib.Path(os.environ["STATE_DIR"])
words = sys.argv[1:]


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"instance": os.environ.get("FDP_INSTANCE", "")}).encode()
        self.send_response(200 if self.path == "/health/ready" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if words[0] == "worker":
    role = words[2]
    if os.environ.get("APP_ID") == "wrong":
        print("KAFKA_BOOTSTRAP_SERVERS: nobody answers at", os.environ["KAFKA_BOOTSTRAP_SERVERS"], file=sys.stderr)
        sys.exit(2)
    (state / f"{role}.env.json").write_text(json.dumps(dict(os.environ)))
    port = int(os.environ["WEB_PORT" if role == "coordinator" else f"{role.upper()}_WEB_PORT"])
else:
    port = int(words[words.index("--http-port") + 1])
server = http.server.HTTPServer(("127.0.0.1", port), Health)
if words[0] == "simulator":
    ready = pathlib.Path(words[words.index("--ready-file") + 1])
    ready.write_text(json.dumps({"theta_http": f"http://127.0.0.1:{port}"}))
server.serve_forever()
