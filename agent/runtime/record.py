"""The numbers that are kept of a run, one row a tick; the report draws them."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RunRecord:
    """A run, tick by tick: row ``k`` belongs to frame ``k``; T rows, n latent states, p controls.

    Where nothing arrived for a tick, a row is NaN.
    """

    ticks: np.ndarray
    """int64 (T,)"""
    time_s: np.ndarray
    """float64 (T,): the body's own time, 0 at frame 0"""
    error_rad: np.ndarray | None
    """float64 (T,): distance of the true angle to the goal's, 0 ... pi; None in a run that is not
    scored, and in one whose goal was changed on the way"""
    control: np.ndarray
    """float32 (T, p): what the body was given in the step that led to the frame"""
    origin: np.ndarray
    """uint8 (T,): transport.messages.Origin of that control"""
    mean: np.ndarray
    """float32 (T, n): the belief after the frame"""
    std: np.ndarray
    """float32 (T, n)"""
    distance: np.ndarray
    """float32 (T,): latent distance to the goal"""
    surprise: np.ndarray
    """float32 (T,): one-step prediction error in sigmas"""
    free_energy: np.ndarray
    """float32 (T,): of the plan"""
    frame_ticks: np.ndarray
    """int64 (F,): ticks of the kept frames"""
    frames: np.ndarray
    """uint8 (F, h, w, c): a dozen frames along the run"""
    goal: np.ndarray
    """uint8 (h, w, c): the picture to reach"""
