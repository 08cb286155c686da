"""A service of tomorrow: its answers have codes, statuses, roles and members that openapi.json does not name. A client that was
generated today has to read them. Prints its URL, and serves until it is stopped."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER = {
    "id": "01981d2c-7b5e-7c3a-9f10-5a2b6c8d4e1f",
    "email": "ada@example.com",
    "username": "ada",
    "full_name": None,
    "email_verified": True,
    "is_active": True,
    "roles": ["astronaut"],
    "mfa_enabled": False,
    "created_at": "2030-01-02T03:04:05.678Z",
    "updated_at": "2030-01-02T03:04:05.678Z",
    "last_login_at": None,
    "orbit": {"height_km": 400},
}
REGISTERED = {"status": "on_the_waiting_list", "user": USER, "place": 7}
TOKEN = {
    "access_token": "a.b.c",
    "token_type": "dpop",
    "expires_in": 60,
    "refresh_token": "vrt9_x",
    "refresh_expires_in": 120,
    "scope": "orbit",
    "key": {"kty": "OKP"},
}
PROBLEM = {
    "type": "https://example.com/problems/eclipse",
    "title": "Unauthorized",
    "status": 401,
    "code": "eclipse",
    "detail": "The sun is away.",
    "request_id": "tomorrow-1",
    "until": "2030-01-02T03:04:05.678Z",
}
REFUSED = {"error": "invalid_orbit", "error_description": "Too low.", "altitude": 1}


class Tomorrow(BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer(401, PROBLEM, "application/problem+json")

    def do_POST(self):
        body = self.body()
        if self.path == "/auth/register":
            self.answer(201, REGISTERED)
        elif b"wrong" in body:
            self.answer(400, REFUSED)
        else:
            self.answer(200, TOKEN)

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, body, media_type="application/json"):
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Request-Id", "tomorrow-1")
        if status == 401:
            self.send_header("WWW-Authenticate", 'Bearer realm="vestibule"')
        if status == 201:
            self.send_header("Location", "/users/me")
            self.send_header("ETag", '"tomorrow"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Tomorrow)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
