"""Settings of all tests."""

from hypothesis import HealthCheck, settings

# A machine may be busy: no test fails for being slow.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
