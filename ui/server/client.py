"""Who asks, as far as limits for each visitor go."""

import ipaddress
import os

from starlette.datastructures import Headers
from starlette.types import Scope


def client_of(scope: Scope) -> str:
    """The address that a request comes from; of IPv6 the network, which is one household's.

    A Space stands behind a proxy, which adds the visitor's address as the last one; what stands
    before it anybody may have written.
    """
    address = (scope.get("client") or ("", 0))[0]
    if "SPACE_HOST" in os.environ:
        forwarded = Headers(scope=scope).get("x-forwarded-for", "")
        address = forwarded.rpartition(",")[2].strip() or address
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
