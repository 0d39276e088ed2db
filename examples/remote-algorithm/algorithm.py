#!/usr/bin/env python3
"""A remote algorithm for Biglearn: polls for work, ranks exercises, estimates CLUEs, and answers.

Standard library only. Any number of these may run at once, under one name or several: the server
reserves nothing and accepts the same answer twice, so a process may be killed at any moment.
"""

import argparse
import hashlib
import json
import math
import os
import random
import signal
import sys
import threading
import urllib.error
import urllib.request
import uuid

# The model never changes, so its uuid does not either. An algorithm that learns names each model anew.
MODEL = str(uuid.uuid5(uuid.NAMESPACE_URL, "https://example.org/biglearn/beta-binomial/1"))
REQUEST_SECONDS = 30
PAUSE_SECONDS_MAX = 30


class Server:
    """The endpoints of the algorithm contract, with retries: every request may be repeated."""

    def __init__(self, url, token, stopping):
        self.url = url.rstrip("/")
        self.token = token
        self.stopping = stopping

    def post(self, endpoint, body):
        """The answer as a dictionary, or None when this process was told to stop."""
        pause = 0.1
        while not self.stopping.is_set():
            try:
                return self._send(endpoint, body)
            except urllib.error.HTTPError as error:
                # What the server refuses with 4xx it will refuse again; 5xx and silence pass by themselves.
                if error.code < 500:
                    raise SystemExit(f"{endpoint}: {error.code} {error.read().decode(errors='replace')}")
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                pass
            self.stopping.wait(pause * random.uniform(0.5, 1.5))
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
        return None

    def _send(self, endpoint, body):
        headers = {"Content-Type": "application/json", "Biglearn-Scheduler-Token": self.token}
        request = urllib.request.Request(f"{self.url}/{endpoint}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
            return json.load(answer)


def rank(student, exercises):
    """Best first. Here: an order of its own for every student, the same whenever it is asked for.

    This is the place for a model: sort by what the exercise would teach this student.
    """
    return sorted(exercises, key=lambda exercise: hashlib.sha256(f"{student} {exercise}".encode()).digest())


def estimate(responses):
    """The share of right answers with the middle half of its posterior: Beta(1, 1) and one trial per answer."""
    latest = {response["trial_uuid"]: response["is_correct"] for response in responses}
    if len(latest) < 3:
        return {"minimum": 0, "most_likely": 0.5, "maximum": 1, "is_real": False}
    right = 1 + sum(latest.values())
    total = 2 + len(latest)
    mean = right / total
    reach = 0.674 * math.sqrt(mean * (1 - mean) / (total + 1))
    return {
        "minimum": max(0, mean - reach),
        "most_likely": mean,
        "maximum": min(1, mean + reach),
        "is_real": True,
    }


def order_exercises(server, name):
    """Answers the orders that are due now; returns how many."""
    work = (server.post("fetch_exercise_calculations", {"algorithm_name": name}) or {}).get("exercise_calculations", [])
    if work:
        updates = [
            {
                "calculation_uuid": item["calculation_uuid"],
                "algorithm_name": name,
                "ecosystem_matrix_uuid": MODEL,
                "exercise_uuids": rank(item["student_uuid"], item["exercise_uuids"]),
            }
            for item in work
        ]
        server.post("update_exercise_calculations", {"exercise_calculation_updates": updates})
    return len(work)


def estimate_clues(server, name):
    """Answers the CLUEs that are due now; returns how many."""
    work = (server.post("fetch_clue_calculations", {"algorithm_name": name}) or {}).get("clue_calculations", [])
    if work:
        updates = [
            {
                "calculation_uuid": item["calculation_uuid"],
                "algorithm_name": name,
                "clue_data": {**estimate(item["responses"]), "ecosystem_uuid": item["ecosystem_uuid"]},
            }
            for item in work
        ]
        server.post("update_clue_calculations", {"clue_calculation_updates": updates})
    return len(work)


def learn_matrices(server, name):
    """This model learns nothing from matrices, so it reports every update as done at once; returns how many."""
    work = (server.post("fetch_ecosystem_matrix_updates", {"algorithm_name": name}) or {}).get(
        "ecosystem_matrix_updates", []
    )
    if work:
        updates = [{"calculation_uuid": item["calculation_uuid"], "algorithm_name": name} for item in work]
        server.post("ecosystem_matrices_updated", {"ecosystem_matrices_updated": updates})
    return len(work)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--name", default="beta_binomial", help="the algorithm name that clients ask for")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two looks when nothing is due")
    options = parser.parse_args()

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server = Server(options.url, os.environ.get("BIGLEARN_SCHEDULER_TOKEN", ""), stopping)
    print(f"{options.name}: polling {options.url}", file=sys.stderr, flush=True)
    while not stopping.is_set():
        done = sum(work(server, options.name) for work in (learn_matrices, order_exercises, estimate_clues))
        if done == 0:
            stopping.wait(options.pause)


if __name__ == "__main__":
    main()
