"""A file that HDF5 writes into, whatever becomes of the disk."""

import io


class Disk(io.FileIO):
    """A file for HDF5 that keeps the first error of writing for itself and goes on as if all were
    well: told of a full disk, HDF5 tries again when the process ends, and crashes."""

    error = None

    def _try(self, write, *arguments):
        try:
            return write(*arguments) if self.error is None else None
        except OSError as error:
            self.error = error

    def write(self, data):
        rest = memoryview(data).cast("B")
        while len(rest) and self.error is None:
            rest = rest[self._try(super().write, rest) or 0 :]
        return len(data)

    def truncate(self, size=None):
        self._try(super().truncate, size)
        return size
