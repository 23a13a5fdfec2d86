"""An open work-item service: versioned work items over SOAP, where no client overwrites another unknowingly."""

__version__ = "0.1.0"
