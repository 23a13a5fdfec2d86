"""What a callback's URL may look like, and how it is taken apart."""

import pytest

from soapsvc.callbacks.urls import Endpoint, endpoint_of
from soapsvc.domain.errors import InvalidCallback


@pytest.mark.parametrize(
    ("url", "endpoint", "authority"),
    [
        ("https://example.com", Endpoint("https", "example.com", 443, "/"), "example.com"),
        ("https://example.com/a/b?c=d", Endpoint("https", "example.com", 443, "/a/b?c=d"), "example.com"),
        ("https://example.com?c", Endpoint("https", "example.com", 443, "/?c"), "example.com"),
        ("HTTPS://Example.COM:8443/A", Endpoint("https", "example.com", 8443, "/A"), "example.com:8443"),
        ("https://example.com:443/", Endpoint("https", "example.com", 443, "/"), "example.com"),
        ("http://example.com/", Endpoint("http", "example.com", 80, "/"), "example.com"),
        ("https://[2001:DB8::1]:8443/x", Endpoint("https", "2001:db8::1", 8443, "/x"), "[2001:db8::1]:8443"),
        ("https://10.0.0.1/x", Endpoint("https", "10.0.0.1", 443, "/x"), "10.0.0.1"),
        ("https://example.com/%7Bx%7D?a=b@c", Endpoint("https", "example.com", 443, "/%7Bx%7D?a=b@c"), "example.com"),
        ("https://example.com//x", Endpoint("https", "example.com", 443, "//x"), "example.com"),
    ],
)
def test_a_url_is_taken_apart(url, endpoint, authority):
    assert endpoint_of(url, http_allowed=True) == endpoint
    assert endpoint.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com",
        "/path",
        "//example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "https:example.com",
        "https:///path",
        "https://",
        "https://user@example.com/",
        "https://user:secret@example.com/",
        "https://@example.com/",
        "https://example.com/#fragment",
        "https://example.com#",
        "https://example.com/?a#b",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:/",
        "https://example.com:x/",
        "https://example.com:1:2/",
        "https://exam ple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nx: y",
        "https://example.com/\n",
        " https://example.com/",
        "https://example.com\\@127.0.0.1/",
        "https://example.com/\\x",
        "https://exämple.com/",
        "https://example。com/",
        "https://ex%61mple.com/",
        "https://example.com/%zz",
        "https://[::1/",
        "https://::1/",
        "https://[fe80::1%25eth0]/",
        "https://example.com/" + "x" * 2_048,
    ],
)
def test_a_url_that_may_be_read_differently_or_leads_elsewhere_is_refused(url):
    with pytest.raises(InvalidCallback) as refusal:
        endpoint_of(url, http_allowed=True)
    assert refusal.value.parameters[0] == "URL"
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://user:secret@example.com/", "credentials"),
        ("https://example.com/#x", "fragment"),
        ("ftp://example.com/", "http"),
        ("https://example.com:0/", "port"),
        ("https://example.com/" + "x" * 2_048, "2048"),
        ("nonsense", "absolute"),
    ],
)
def test_a_refusal_says_why(url, reason):
    with pytest.raises(InvalidCallback, match=reason):
        endpoint_of(url, http_allowed=True)


def test_plain_http_is_refused_unless_it_is_allowed():
    with pytest.raises(InvalidCallback, match="https"):
        endpoint_of("http://example.com/", http_allowed=False)
    assert endpoint_of("https://example.com/", http_allowed=False).scheme == "https"
