"""Secrets that cost little, and getting tokens for them from a service without a socket."""

import json
from urllib.parse import urlencode

import argon2

from soapsvc.testing.in_process import InProcess

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""What tests protect needs no protection, and tests no waiting for it."""

FORM = {"content-type": "application/x-www-form-urlencoded"}


def token_of(calls: InProcess, client_id: str, secret: str, *, scope: str = "") -> str:
    """Ask for a token as OAuth's client_credentials; it must be given."""
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "scope": scope}
    answer = calls.call("POST", "/oauth/token", urlencode({k: v for k, v in form.items() if v}).encode(), FORM)
    assert answer.status == 200, answer.body
    token: str = json.loads(answer.body)["access_token"]
    return token
