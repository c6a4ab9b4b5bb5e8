"""The pages that people look at: all projects, one project, and what can be asked of it there.

They are made from MODEL_DIR alone, so they answer whatever else is down; only actions, downloads and pictures
reach Label Studio or Redis.
"""

from backend.web.pages import actions, assets, downloads, media, overview, project
from backend.web.pages.blueprint import blueprint

__all__ = ["actions", "assets", "blueprint", "downloads", "media", "overview", "project"]
