"""The proxy between clients and an S3 server: it changes nothing until reported to, and then just that."""

import http.client
import http.server
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.servers.proxy import proxy
from tests.servers.rules import (
    ACCESS_DENIED,
    EXPIRED_TOKEN,
    GLUE_DENIED,
    NO_SUCH_KEY,
    OBJECT_ARCHIVED,
    PRECONDITION_FAILED,
    SLOW_DOWN,
    Cut,
    First,
    OtherEtag,
    Reset,
    Rule,
    Stall,
)
from tests.servers.s3 import S3Server, moto_s3

BODY = bytes(range(256)) * 4096
ANSWERS = [SLOW_DOWN, ACCESS_DENIED, NO_SUCH_KEY, OBJECT_ARCHIVED, PRECONDITION_FAILED, EXPIRED_TOKEN]


class Web(http.server.BaseHTTPRequestHandler):
    """A server that gives BODY, in each of the ways that HTTP knows to end a body."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("ETag", '"web"')
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for start in range(0, len(BODY), 100_000):
                piece = BODY[start : start + 100_000]
                self.wfile.write(b"%x;note=1\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\nTrailer: 1\r\n\r\n")
        elif self.path == "/until-closed":
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(BODY)
        else:
            if self.path == "/once":
                self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(BODY)))
            self.end_headers()
            self.wfile.write(BODY)

    def do_HEAD(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()

    def do_PUT(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        answer = b"%d bytes for %s" % (len(body), self.headers["Host"].encode())
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def web():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def way(web):
    with proxy(web) as running:
        yield running


@pytest.fixture
def connection(way):
    connection = http.client.HTTPConnection(urlsplit(way.endpoint).netloc, timeout=10)
    yield connection
    connection.close()


def get(connection, path="/bucket/key", method="GET", **how):
    connection.request(method, path, **how)
    response = connection.getresponse()
    return response, response.read()


@pytest.mark.parametrize("path", ["/bucket/key", "/chunked", "/once", "/until-closed"])
def test_a_body_comes_whole_however_it_ends_and_the_connection_serves_on(way, connection, path):
    for _ in range(3):
        assert get(connection, path)[1] == BODY
    assert [(e.method, e.key, e.status, e.sent) for e in way.exchanges] == [("GET", path[1:], 200, len(BODY))] * 3


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_goes_whole_with_the_host_that_the_client_signed(way, connection, chunked):
    pieces = iter([BODY, BODY]) if chunked else BODY + BODY
    _, answer = get(connection, method="PUT", body=pieces, encode_chunked=chunked)
    assert answer.decode() == f"{2 * len(BODY)} bytes for {urlsplit(way.endpoint).netloc}"


def test_a_head_has_a_length_and_no_body(way, connection):
    response, body = get(connection, method="HEAD")
    assert (response.headers["Content-Length"], body) == (str(len(BODY)), b"")
    assert get(connection)[1] == BODY


def test_keys_are_decoded_and_ranges_read(way, connection):
    get(connection, "/bucket/a%20b/%C3%A9%2B?x=1", headers={"Range": "bytes=5-9"})
    get(connection, "/bucket/", headers={"Range": "bytes=-7"})
    first, second = way.exchanges
    assert (first.key, first.query, first.range) == ("bucket/a b/é+", "x=1", (5, 9))
    assert (second.key, second.range) == ("bucket/", (None, 7))


def test_latency_is_waited_side_by_side(way):
    way.latency = 0.2

    def one(_):
        connection = http.client.HTTPConnection(urlsplit(way.endpoint).netloc, timeout=10)
        get(connection)
        connection.close()

    with ThreadPoolExecutor(20) as pool:
        started = time.monotonic()
        list(pool.map(one, range(20)))
        seconds = time.monotonic() - started
    assert 0.2 <= seconds < 20 * 0.2
    assert way.count() == 20


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.code)
def test_an_error_answers_in_s3s_stead_as_often_as_reported(way, connection, answer):
    way.rules.append(Rule(answer, first=2, times=2))
    statuses = [get(connection)[0].status for _ in range(5)]
    assert statuses == [200, answer.status, answer.status, 200, 200]
    assert way.rules[0].hits == 2


def test_a_rule_keeps_to_its_key_and_method(way, connection):
    way.rules += [Rule(ACCESS_DENIED, key="bucket/secret/*", times=None), Rule(NO_SUCH_KEY, key="*", method="HEAD")]
    assert [get(connection, f"/bucket/{key}")[0].status for key in ("a", "secret/a", "secret/b", "b")] == [
        200,
        403,
        403,
        200,
    ]
    assert [get(connection, "/bucket/a", "HEAD")[0].status for _ in range(2)] == [404, 200]


def test_no_rule_befalls_a_buckets_own_requests_unless_it_says_so(way, connection):
    way.rules.append(Rule(SLOW_DOWN, times=None))
    assert [get(connection, path)[0].status for path in ("/bucket?list-type=2", "/bucket/?x", "/bucket/a")] == [
        200,
        200,
        503,
    ]


def test_a_burst_lasts_from_its_first_hit(way, connection):
    way.rules.append(Rule(SLOW_DOWN, times=None, lasting=0.3))
    time.sleep(0.4)
    assert get(connection)[0].status == 503
    deadline = time.monotonic() + 10
    while get(connection)[0].status == 503:
        assert time.monotonic() < deadline


@pytest.mark.parametrize("by_rst", [True, False])
@pytest.mark.parametrize("after", [None, 0, 1, 100_000])
def test_a_body_breaks_off_where_reported_and_the_next_is_whole(way, connection, after, by_rst):
    way.rules.append(Rule(Reset(after, by_rst=by_rst)))
    with pytest.raises((ConnectionResetError, http.client.RemoteDisconnected, http.client.IncompleteRead)):
        get(connection)
    connection.close()
    assert way.exchanges[0].sent == (after or 0)
    assert get(connection)[1] == BODY


def test_a_stall_is_a_silence_in_a_body_that_then_goes_on(way):
    way.rules.append(Rule(Stall(1.0, after=1000)))
    with socket.create_connection(
        (urlsplit(way.endpoint).hostname, urlsplit(way.endpoint).port), timeout=0.3
    ) as client:
        client.sendall(b"GET /bucket/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = b""
        with pytest.raises(TimeoutError):
            while piece := client.recv(1 << 20):
                received += piece
        assert received.endswith(b"\r\n\r\n" + BODY[:1000])
        client.settimeout(10)
        while piece := client.recv(1 << 20):
            received += piece
    assert received.endswith(b"\r\n\r\n" + BODY)


def test_a_cut_body_has_the_length_it_states(way, connection):
    way.rules.append(Rule(Cut(missing=10)))
    response, body = get(connection)
    assert (response.headers["Content-Length"], body) == (str(len(BODY) - 10), BODY[:-10])
    assert get(connection)[1] == BODY


def test_another_etag_is_stated(way, connection):
    way.rules.append(Rule(OtherEtag("other")))
    assert [get(connection)[0].headers["ETag"] for _ in range(2)] == ['"other"', '"web"']


def test_signatures_stay_valid_and_an_object_can_be_replaced_between_two_ranges():
    with moto_s3() as server, proxy(server.endpoint) as way:
        direct, client = server.client(), server.through(way.endpoint).client(retries={"max_attempts": 1})
        client.create_bucket(Bucket="bucket")
        etag = client.put_object(Bucket="bucket", Key="a b", Body=b"0123456789")["ETag"]
        change = First(lambda: direct.put_object(Bucket="bucket", Key="a b", Body=b"abcdefghij"))
        way.rules.append(Rule(change, key="bucket/a b", first=2))
        how = {"Bucket": "bucket", "Key": "a b", "IfMatch": etag}
        assert client.get_object(**how, Range="bytes=0-1")["Body"].read() == b"01"
        with pytest.raises(ClientError) as refused:
            client.get_object(**how, Range="bytes=2-3")
        assert refused.value.response["Error"]["Code"] == "PreconditionFailed"
        assert [(e.range, e.status) for e in way.seen("GET")] == [((0, 1), 206), ((2, 3), 412)]
        assert way.count("PUT", "bucket/a b") == 1


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.code)
def test_a_client_reads_the_errors_as_s3s(way, answer):
    client = S3Server(way.endpoint).client(retries={"total_max_attempts": 1})
    way.rules.append(Rule(answer))
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket="bucket", Key="key")
    assert error.value.response["Error"]["Code"] == answer.code


def test_a_proxy_ends_while_requests_hang(web):
    with proxy(web, latency=60) as way:
        client = socket.create_connection((urlsplit(way.endpoint).hostname, urlsplit(way.endpoint).port))
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while not way.count():
            time.sleep(0.001)
    assert client.recv(1) == b""
    client.close()


def test_a_call_of_a_service_is_known_by_its_action_and_refused_in_json():
    with moto_s3() as server, proxy(server.endpoint) as way:
        glue = server.through(way.endpoint).client("glue", retries={"total_max_attempts": 1})
        way.rules.append(Rule(GLUE_DENIED, key="AWSGlue/GetDatabase", method="POST"))
        glue.create_database(DatabaseInput={"Name": "dicom"})
        with pytest.raises(ClientError) as error:
            glue.get_database(Name="dicom")
        assert error.value.response["Error"]["Code"] == "AccessDeniedException"
        assert glue.get_database(Name="dicom")["Database"]["Name"] == "dicom"
        assert [e.key for e in way.exchanges] == ["AWSGlue/CreateDatabase", *["AWSGlue/GetDatabase"] * 2]
