"""The strict double, under the name that this project's tests use."""

from autograd_lite.testing.strict import Strict as Strict, StrictError as StrictError, unwrap as unwrap
