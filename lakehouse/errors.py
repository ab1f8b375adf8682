"""The root of every error that Tidemark raises on purpose."""


class TidemarkError(Exception):
    """An anticipated failure. The message names the culprit and says what to do next.

    Subclasses live in the module that raises them. A process boundary (a command, an HTTP handler, a
    job's entry point) turns them into an exit status, a problem document or a failed run; anything else
    that escapes is a bug and is shown with its traceback.
    """

    exit_code: int = 1
