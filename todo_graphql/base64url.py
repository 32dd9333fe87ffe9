"""Base64url without padding (RFC 7515, section 2)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


def encode(content: bytes) -> str:
    """Encode the content."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """Decode the text. Raises ValueError unless it is the only one with its content, and not empty.

    Python's decoder skips other characters and ignores unused bits (RFC 4648, section 3.5).
    """
    content = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if not content or encode(content) != text:
        raise ValueError("not base64url without padding")
    return content
