"""The definition of text: equality, order, words and visible characters, for every comparison.

| module | content |
|---|---|
| `folding.py` | `fold`: the key of a text without case, accents and invisible characters |
| `letters.py` | the letters, signs and digits that `fold` replaces |
| `order.py` | `order_key`: a text that sorts, byte by byte, as a reader expects |
| `words.py` | `words_of`: the words of a text, in any script |
| `search.py` | `title_words` and others, `Search`: literals of tsvectors and of a tsquery |
| `tags.py` | `edit_tags`, and `tag_key`, by which tags are equal |
| `characters.py` | `is_visible` and `find_control_character`: the rules of titles and tags |

The server derives every key here. PostgreSQL compares keys byte by byte and applies no collation,
case or character class of its own. The decision record is 0021.
"""
