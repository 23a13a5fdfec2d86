"""The language in which clients write the filters and orders of work lists; the only package that knows lark."""

from soapsvc.list_language.expressions import Limits, parse_filter, parse_order
from soapsvc.list_language.values import LONGEST_PATTERN, interval

__all__ = ["LONGEST_PATTERN", "Limits", "interval", "parse_filter", "parse_order"]
