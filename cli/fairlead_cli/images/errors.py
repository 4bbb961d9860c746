"""The one error of this package."""

from __future__ import annotations

from fairlead_wire.errors import FairleadError


class ImageError(FairleadError):
    """An image cannot be had: `message` says which and why, `next_step` what to do."""
