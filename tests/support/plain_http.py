"""httpx without TLS: the certificates that it loads for each request take 40 ms."""

import ssl
from functools import partial

import httpx

WITHOUT_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

Client = partial(httpx.Client, verify=WITHOUT_CERTIFICATES)
get = partial(httpx.get, verify=WITHOUT_CERTIFICATES)
post = partial(httpx.post, verify=WITHOUT_CERTIFICATES)
request = partial(httpx.request, verify=WITHOUT_CERTIFICATES)
stream = partial(httpx.stream, verify=WITHOUT_CERTIFICATES)
