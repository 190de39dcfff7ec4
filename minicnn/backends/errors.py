"""What goes wrong when a backend is asked for."""


class BackendError(ImportError):
    """A backend was asked for that this machine cannot run."""
