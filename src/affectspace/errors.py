"""The errors that a user of affectspace can meet. Each message names the place, the value and the remedy."""


class AffectspaceError(ValueError):
    """Something that the caller can put right; the command line prints it without a traceback and exits with 2."""


class DataError(AffectspaceError):
    """A file, a table or a row of it cannot be used as it is."""


class ConfigError(AffectspaceError):
    """A configuration holds an unknown key or an impossible value."""


class RunError(AffectspaceError):
    """A run folder is missing, incomplete, finished already, or of another kind than the command needs."""
