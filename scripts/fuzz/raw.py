"""Bytes that are hardly HTTP: what the server itself refuses before the application sees it."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from random import Random

from scripts.fuzz.campaign import SENDERS, Outcome
from scripts.fuzz.mutations import Request
from scripts.fuzz.verdict import Answer, Judge

ROUTE = "(bytes)"
PATIENCE_S = 60.0
HEADS = (
    b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /webhook HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
)
PIECES = (
    *(
        b"\r\n",
        b"\n",
        b"\x00",
        b" ",
        b"\t",
        b":",
        b"\xff",
        b"HTTP/9.9",
        b"HTTP/1.0",
        b"PRI * HTTP/2.0",
        b"x" * 9000,
        b"../" * 50,
    ),
    *(
        b"Content-Length: 5\r\n",
        b"Content-Length: -1\r\n",
        b"Transfer-Encoding: x\r\n",
        b"Expect: 100-continue\r\n",
        b"Expect: x\r\n",
    ),
    *(
        b"X: y\r\n" * 200,
        b"X-Forwarded-Proto: https\r\n",
        b"fffffffffff\r\n",
        b"-1\r\n",
        b" folded: x\r\n",
        b"Host: a/b@c\r\n",
    ),
)


def fuzz_raw(port: int, judge: Judge, *, seed: int, indices: Sequence[int]) -> Outcome:
    """Send changed heads of requests, several at a time, and look at what is answered, if anything is."""
    outcome = Outcome(ROUTE)

    def attempt(index: int) -> tuple[int, Request, Answer, list[str]]:
        request = Request(ROUTE, "", "", changed_head(Random(f"{seed} {ROUTE} {index}")))
        answer = first_answer(send(port, request.body or b""))
        return index, request, answer, [] if answer.status == 0 else faults_of(judge, request, answer)

    with ThreadPoolExecutor(SENDERS) as pool:
        for found in pool.map(attempt, indices):
            outcome.note(*found)
    return outcome


def faults_of(judge: Judge, request: Request, answer: Answer) -> list[str]:
    """What is wrong with the answer to something that may be no request at all.

    501 is for ways to send a body that no server need know, and a server that closes the connection is right as well.
    """
    if answer.status in (200, 201, 501):
        return []
    faults = judge.faults(request, answer)
    return [fault for fault in faults if "not documented" not in fault]


def changed_head(random: Random) -> bytes:
    """The bytes of a request whose line or headers were changed."""
    content = random.choice(HEADS)
    for _ in range(random.randint(1, 3)):
        begin = random.randint(0, len(content))
        end = min(len(content), begin + random.choice((0, 0, 1, 4, 20)))
        content = content[:begin] + random.choice((*PIECES, random.randbytes(3))) + content[end:]
    return content


def send(port: int, content: bytes) -> bytes:
    """Everything that is answered to these bytes, up to the end of the connection; empty where nothing is."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        try:
            client.sendall(content)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65_536):
                received += piece
        except ConnectionError:
            pass  # refused before all was sent: what was answered counts
    return received


def first_answer(received: bytes) -> Answer:
    """The first answer among received bytes; status 0 where there is none."""
    head, _, rest = received.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    if not line.startswith("HTTP/1."):
        return Answer(0, "none")
    _, status, reason = f"{line} ".split(" ", 2)
    if status == "100":  # the server only asks for the body
        return first_answer(rest)
    pairs = (text.partition(":") for text in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = headers.get("content-length", "")
    return Answer(int(status), reason.strip(), headers, rest[: int(length)] if length.isdecimal() else rest)
