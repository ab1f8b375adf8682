"""ETag and If-None-Match as RFC 9110 wants them for reads."""

import pytest
from pydantic import BaseModel

from serving.kit.conditional import conditional, names


class Body(BaseModel):
    text: str


def test_the_same_bytes_have_the_same_tag_and_others_another() -> None:
    tags = [conditional(Body(text=text), None).headers["etag"] for text in ("a", "a", "b")]
    assert tags[0] == tags[1] != tags[2]


def test_who_has_the_bytes_gets_304_without_them() -> None:
    first = conditional(Body(text="a"), None)
    again = conditional(Body(text="a"), first.headers["etag"])
    assert (first.status_code, again.status_code) == (200, 304)
    assert again.body == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["cache-control"] == "private, no-cache"


@pytest.mark.parametrize("header", ['"x"', 'W/"x"', '"a", "x"', "*", ' "x" '])
def test_headers_that_name_it(header: str) -> None:
    assert names(header, '"x"')


@pytest.mark.parametrize("header", ["", "x", '"y"', '"x', "W/x"])
def test_headers_that_do_not(header: str) -> None:
    assert not names(header, '"x"')
