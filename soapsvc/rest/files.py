"""Files as bodies: their media type by Content-Type, their name by Content-Disposition (RFC 6266, RFC 8187)."""

import re
from email.message import Message
from email.utils import collapse_rfc2231_value

from soapsvc.domain.document import MEDIA_TYPE_MAX_LENGTH, NAME_MAX_LENGTH, NewDocument, is_file_name
from soapsvc.domain.errors import InvalidRequest

NAMELESS = "document"
"""What a file is called whose client gives it no name."""

UNTOLD = "application/octet-stream"
"""What a file is whose client does not say it (RFC 9110, section 8.3)."""

_LONGEST = 2_000
_WORD = r"[0-9A-Za-z!#$%&'*+.^_`|~-]+"
_PARAMETER = rf'[ \t]*;[ \t]*{_WORD}=(?:{_WORD}|"[ !#-\[\]-~]*")'
_MEDIA_TYPE = re.compile(rf"{_WORD}/{_WORD}(?:{_PARAMETER})*")


def file_of(content_type: str, content_disposition: str, content: bytes) -> NewDocument:
    """Give a body as a document. Raises InvalidRequest for a media type or a name that is none."""
    media_type = content_type.strip() or UNTOLD
    if len(media_type) > MEDIA_TYPE_MAX_LENGTH or not _MEDIA_TYPE.fullmatch(media_type):
        raise InvalidRequest(f"The Content-Type is no media type of at most {MEDIA_TYPE_MAX_LENGTH} characters")
    return NewDocument(name=_name(content_disposition), media_type=media_type, content=content)


def _name(content_disposition: str) -> str:
    """Give the name of a file: `filename*` before `filename`, for who sends both means the first for who knows it."""
    if len(content_disposition) > _LONGEST:
        raise InvalidRequest(f"The Content-Disposition has more than {_LONGEST} characters")
    message = Message()
    message["content-disposition"] = content_disposition
    try:
        parameters = message.get_params(failobj=[], header="content-disposition")
        names = [value for name, value in parameters if name.lower() == "filename"]
        names.sort(key=lambda value: isinstance(value, str))
        name = collapse_rfc2231_value(names[0], errors="strict") if names else NAMELESS
    except ValueError:
        name = ""
    if not is_file_name(name):
        raise InvalidRequest(f"The Content-Disposition has no name of a file of at most {NAME_MAX_LENGTH} characters")
    return name
