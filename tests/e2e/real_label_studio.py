"""The real Label Studio for tests, the same that `clean-al demo` starts."""

from backend.demo.label_studio_server import LabelStudioServer as RealLabelStudio
from backend.demo.label_studio_server import User

__all__ = ["RealLabelStudio", "User"]
