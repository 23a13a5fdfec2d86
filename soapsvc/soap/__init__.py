"""The SOAP door: parse, then act, then write. The only package that knows Spyne."""

from soapsvc.soap import spyne_compatibility

spyne_compatibility.install()
