"""A window on the text of a file, which decodes its pieces on demand."""

import codecs
from collections.abc import Iterable

from todo_graphql.errors import BadUserInput, InputReason
from todo_graphql.server.data_files.records import error_line


class TextWindow:
    """The text from `position` on, as far as it was decoded, and the line of the position.

    Text before the position is dropped with the next piece. A byte order mark is skipped.
    """

    def __init__(self, pieces: Iterable[bytes | bytearray]) -> None:
        self._pieces = iter(pieces)
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text = ""
        self.position = 0
        self.line = 1
        self.is_complete = False
        """True once the window reaches the end of the file."""

    def fill(self, characters: int) -> None:
        """Decode pieces until this number of characters follows the position, or the file ends.

        Raises BadUserInput with the line of the first invalid byte.
        """
        if self.is_complete or len(self.text) - self.position >= characters:
            return
        texts, length = [self.text[self.position :]], len(self.text) - self.position
        # Twice the number, so that the rest of a window is rarely copied.
        while length < 2 * characters and not self.is_complete:
            texts.append(self._decode_next(texts))
            length += len(texts[-1])
        self.text, self.position = "".join(texts), 0

    def _decode_next(self, texts: list[str]) -> str:
        piece = next(self._pieces, None)
        self.is_complete = piece is None
        try:
            return self._decoder.decode(piece or b"", final=self.is_complete)
        except UnicodeDecodeError as error:
            before = sum(text.count("\n") for text in texts)
            before += error.object.count(b"\n", 0, error.start)
            with error_line(self.line + before):
                raise BadUserInput(
                    "The file is not encoded in UTF-8.", reason=InputReason.INVALID_FORMAT
                ) from None

    def advance(self, position: int) -> None:
        """Move the position forwards, and count the lines."""
        self.line += self.text.count("\n", self.position, position)
        self.position = position
