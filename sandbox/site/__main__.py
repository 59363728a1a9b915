"""``python -m sandbox.site``: the sample video site."""

from sandbox.site.server import SiteSettings, site_service
from services.chassis.lifecycle import main

if __name__ == "__main__":
    main("site", SiteSettings, site_service)
