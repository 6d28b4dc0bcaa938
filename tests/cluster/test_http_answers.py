"""The reader of answers, held to RFC 9112 and to the reader of Python's own library."""

import http.client
import io
import itertools
from collections.abc import Sequence
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from porter.cluster.http_answers import Answer, AnswerReader, MalformedAnswerError

BODIES = st.binary(max_size=60) | st.sampled_from([b"0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\r\n" * 3])


def read(data: bytes, cuts: Sequence[int] = ()) -> tuple[AnswerReader, Answer | None]:
    reader, answer = AnswerReader(), None
    places = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    for start, end in itertools.pairwise(places):
        answer = reader.feed(data[start:end]) or answer
    return reader, answer


def oracle(data: bytes) -> tuple[int, bytes, str | None]:
    class Socket:
        def makefile(self, *_: Any) -> io.BytesIO:
            return io.BytesIO(data)

    response = http.client.HTTPResponse(cast("Any", Socket()), method="PATCH")
    response.begin()
    return response.status, response.read(), response.getheader("Retry-After")


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """Answers as a good server sends them, of every framing that keeps the connection."""
    fields = draw(
        st.lists(st.sampled_from([b"Date: now", b"retry-after:  7", b"X-A:", b"Audit-Id: \xe9"]), unique=True)
    )
    status = draw(st.sampled_from([b"200 OK", b"201 Created", b"409 Conflict", b"429 ", b"500 a b"]))
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\nLink: x\r\n\r\n"]))
    pieces = draw(st.lists(BODIES.filter(bool), max_size=3))
    if draw(st.booleans()):
        fields.append(b"Transfer-Encoding: Chunked")
        extension = draw(st.sampled_from([b"", b";a=b", b" ; c"]))
        body = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces)
        body += b"0\r\n" + draw(st.sampled_from([b"", b"Trailer: x\r\n"])) + b"\r\n"
    else:
        body = b"".join(pieces)
        fields.append(b"content-length: %d" % len(body))
    return interim + b"HTTP/1.1 " + status + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body


@given(answers(), st.lists(st.integers(0, 10_000), max_size=8))
def test_an_answer_says_the_same_to_the_library_and_however_it_is_cut(data: bytes, cuts: list[int]) -> None:
    _, answer = read(data, cuts)

    assert answer is not None
    assert (answer.status, answer.body, answer.retry_after) == oracle(data)
    assert answer.keeps


@given(answers(), st.data())
def test_no_answer_is_there_before_its_end_and_one_that_is_cut_off_is_none(data: bytes, chosen: st.DataObject) -> None:
    reader, answer = read(data[: chosen.draw(st.integers(0, len(data) - 1))])

    assert (answer, reader.end()) == (None, None)


@given(answers(), answers())
def test_a_connection_brings_one_answer_after_the_other(first: bytes, second: bytes) -> None:
    reader = AnswerReader()

    found = [reader.feed(data) for data in (first, second)]

    assert [(one.status, one.body) for one in found if one is not None] == [oracle(first)[:2], oracle(second)[:2]]


@given(st.binary(max_size=80) | st.tuples(answers(), st.binary(max_size=9), st.integers(0, 200)).map(
    lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
))  # fmt: skip
def test_any_bytes_are_an_answer_or_not_one_yet_or_are_refused(data: bytes) -> None:
    reader = AnswerReader()

    try:
        answer = reader.feed(data)
    except MalformedAnswerError:
        return

    assert answer is None or 100 <= answer.status <= 999


@pytest.mark.parametrize(
    ("head", "keeps"),
    [
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 2", True, id="1.1"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: x, Close", False, id="1.1 that closes"),
        pytest.param("HTTP/1.0 200 OK\r\nContent-Length: 2", False, id="1.0"),
        pytest.param("HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive", True, id="1.0 that keeps"),
    ],
)
def test_an_answer_says_whether_the_connection_is_kept(head: str, keeps: bool) -> None:  # noqa: FBT001
    _, answer = read(f"{head}\r\n\r\n{{}}".encode())

    assert answer == Answer(status=200, body=b"{}", keeps=keeps)


def test_an_interim_answer_is_passed_over() -> None:
    _, answer = read(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")

    assert answer == Answer(status=200, body=b"a")


def test_what_only_the_end_tells_is_an_answer_when_the_connection_ends() -> None:
    reader, answer = read(b"HTTP/1.1 503 Away\r\n\r\nsorry")

    assert answer is None
    assert reader.end() == Answer(status=503, body=b"sorry", keeps=False)


def test_an_answer_without_a_body_needs_no_length() -> None:
    _, answer = read(b"HTTP/1.1 204 No Content\r\n\r\n")

    assert answer == Answer(status=204, body=b"")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("SSH-2.0-OpenSSH_9.2\r\n\r\n", id="no HTTP"),
        pytest.param("HTTP/2.0 200 OK\r\n\r\n", id="another version"),
        pytest.param("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n", id="another protocol"),
        pytest.param("HTTP/1.1 200 OK\r\n folded: 1\r\n\r\n", id="a field that goes on"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length : 1\r\n\r\n", id="a space before the colon"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="two framings"),
        pytest.param("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", id="an unknown coding"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", id="compressed"),
        pytest.param("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="a chunk without a size"),
        pytest.param("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", id="a chunk too long"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK", id="more than an answer"),
        pytest.param("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", id="a body without an end"),
        pytest.param("HTTP/1.1 200 OK\r\nX: " + "x" * 70_000, id="a head without an end"),
        pytest.param("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n", id="chunks without an end"),
    ],
)
def test_what_is_not_as_it_must_be_is_refused(data: str) -> None:
    with pytest.raises(MalformedAnswerError):
        AnswerReader().feed(data.encode())
