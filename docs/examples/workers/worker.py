#!/usr/bin/env python3
"""A Mirano worker in Python, standard library only: leases tasks, asks sources, keeps what they say, tells the end.

    MIRANO_SERVER=http://127.0.0.1:8700 MIRANO_KEY=... python3 worker.py [source ...]

The server reads the answers by the source's file, so a worker needs to know nothing of their form. Secrets that a
request names (`${NAME}`, `env:NAME`) are read from this process's environment and never reach the server.
"""
import json
import os
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timezone

SERVER = os.environ.get("MIRANO_SERVER", "http://127.0.0.1:8700").rstrip("/")
KEY = os.environ.get("MIRANO_KEY")
NAME = f"python-{os.getpid()}"
# The server is asked directly, whatever proxies the environment names for other uses.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is a request of its own, and would need a permit of its own."""

    def redirect_request(self, *_):
        return None


SOURCES = urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirect)


class LeaseLost(Exception):
    """The task is somebody else's now: whatever was done for it is forgotten."""


def call(path, body, headers=None):
    """Calls the server; a body of bytes goes as it is, anything else as JSON."""
    raw = isinstance(body, bytes)
    request = urllib.request.Request(SERVER + path, data=body if raw else json.dumps(body).encode(), method="POST")
    request.add_header("Content-Type", "application/octet-stream" if raw else "application/json")
    if KEY:
        request.add_header("Authorization", f"Bearer {KEY}")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with DIRECT.open(request, timeout=90) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        problem = json.load(error)
        if error.code == 409:
            raise LeaseLost(problem.get("detail")) from None
        raise RuntimeError(f"{path}: {problem}") from None


def secret(text, quote=lambda value: value):
    """Puts secrets into a text of the request."""
    return re.sub(r"\$\{(\w+)\}", lambda found: quote(os.environ[found[1]]), text)


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def wait_for(permit):
    """Waits until a request may start; false when its window is over."""
    time.sleep(max(0.0, moment(permit["not_before"]) - time.time()))
    return time.time() <= moment(permit["not_after"])


def ask(asked, task):
    """Sends a request of a task; gives status, headers and body."""
    url = secret(asked["url"], lambda value: urllib.parse.quote(value, safe="-._~"))
    body = secret(asked["body"]).encode() if asked["body"] is not None else None
    request = urllib.request.Request(url, data=body, method=asked["method"])
    for name, value in asked["headers"].items():
        request.add_header(name, os.environ[value[4:]] if value.startswith("env:") else secret(value))
    try:
        answer = SOURCES.open(request, timeout=task["timeout_ms"] / 1000)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        content = answer.read(task["max_bytes"] + 1)
        if len(content) > task["max_bytes"]:
            raise OverflowError
        return answer.status, answer.headers, content


def work(task):
    about = f"/v1/worker/tasks/{task['task_id']}"
    lease = {"lease_token": task["lease_token"]}

    def fail(outcome, cause, **more):
        return call(f"{about}/fail", {**lease, "outcome": outcome, "cause": cause, **more})

    if task["proxy"]:
        return fail("unavailable", f"proxy_not_here: {NAME} has no proxies")
    permit, request, pages = task["permits"][0], task["request"], []
    observed_at = None
    while request:
        while not (permit and wait_for(permit)):
            granted = call(f"{about}/permit", {**lease, "n": 1})["permits"]
            permit = granted[0] if granted else time.sleep(1)
        permit = None
        observed_at = observed_at or datetime.now(timezone.utc).isoformat()
        try:
            status, headers, content = ask(request, task)
        except OverflowError:
            return fail("unavailable", "too_large: the answer is larger than the source's file allows")
        except (OSError, KeyError) as error:
            return fail("unavailable", f"{type(error).__name__}: no answer")
        kept = call(f"{about}/evidence", content, {
            "Mirano-Lease": task["lease_token"],
            "Content-Type": headers.get("Content-Type", "application/octet-stream")})
        pages.append(kept["evidence_id"])
        if status in (429, 503) and (headers.get("Retry-After") or "").isdigit():
            outcome = "blocked" if status == 429 else "unavailable"
            return fail(outcome, f"http_{status}: asked to wait", http_status=status, evidence=pages,
                        retry_after_s=int(headers["Retry-After"]))
        told = {**lease, "http_status": status, "evidence": pages}
        request = call(f"{about}/next", told)["request"]
    return call(f"{about}/complete", {**told, "observed_at": observed_at})


def main():
    sources = sys.argv[1:] or None
    print(f"{NAME} works for {SERVER}", flush=True)
    while True:
        for task in call("/v1/worker/lease", {"sources": sources, "max": 4, "worker": NAME, "wait_s": 20})["tasks"]:
            try:
                print(task["source"], task["task_id"], work(task), flush=True)
            except LeaseLost as lost:
                print(task["source"], task["task_id"], "lost:", lost, flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
