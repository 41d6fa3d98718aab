"""The errors of workers.

WorkerError
├── JobError        a job that is none: our own bug, or a foreign front end
├── NoWorker        every leg is taken, and stayed so for as long as a job waits
├── WorkerRefusal   a worker did not take a job: it is full, or it is about to end
├── Stopped         a job was stopped before any worker had it
├── NotStored       the front end could not store an event; it is to be sent again
├── SpoolError      what a worker left cannot be read or removed
└── AlreadyRunning  another front end, or another worker, has the directory
"""


class WorkerError(Exception):
    """Root of everything workers raise; its text is one line for a person."""


class JobError(WorkerError, ValueError):
    """A job that cannot be one; the text never quotes a code or a text."""


class NoWorker(WorkerError):  # noqa: N818
    """No worker has the legs, and none got them in time."""


class WorkerRefusal(WorkerError):  # noqa: N818
    """A worker does not take a job."""


class Stopped(WorkerError):  # noqa: N818
    """A job that waited for legs was stopped; nobody was called."""


class NotStored(WorkerError):  # noqa: N818
    """An event could not be stored now."""


class SpoolError(WorkerError):
    """A spool cannot be read or removed; the text names the file."""


class AlreadyRunning(WorkerError):  # noqa: N818
    """A directory has one owner at a time."""
