"""Encoders by name."""

from .predictive import fit_predictive
from .slow import fit_slow
from .variational import fit_variational

ENCODERS = {"predictive": fit_predictive, "slow": fit_slow, "vae": fit_variational}
