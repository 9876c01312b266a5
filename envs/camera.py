"""The camera: a large colour render becomes a small gray frame at the source."""

from dataclasses import dataclass

import numpy as np

_LUMA = np.array([299, 587, 114], dtype=np.uint32)  # ITU-R BT.601, in thousandths


@dataclass(frozen=True)
class Camera:
    """Middle ``crop_px`` square of a render, as gray, in means over square blocks."""

    crop_px: int
    size_px: int

    def __post_init__(self) -> None:
        if self.crop_px % self.size_px:
            raise ValueError(
                f"camera size_px = {self.size_px} does not divide the cropped square of "
                f"{self.crop_px} px: choose a divisor of {self.crop_px}"
            )

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        return (self.size_px, self.size_px, 1)

    def capture(self, render: np.ndarray) -> np.ndarray:
        """Reduce ``render`` (uint8, ``(height, width, 3)``) to a uint8 ``frame_shape`` frame."""
        height, width = render.shape[:2]
        top, left = (height - self.crop_px) // 2, (width - self.crop_px) // 2
        crop = render[top : top + self.crop_px, left : left + self.crop_px]
        block = self.crop_px // self.size_px
        gray = crop @ _LUMA
        sums = gray.reshape(self.size_px, block, self.size_px, block).sum((1, 3))
        scale = 1000 * block * block
        return ((sums + scale // 2) // scale).astype(np.uint8)[..., None]
