"""Whether anybody listens where a cluster should be.

Both Kafka libraries go on trying until their timeout although every connection is refused at once, and whoever closes
meanwhile waits with them: so we ask before we let them connect.
"""

import socket
from typing import Final

from feedwheel_capture.access import KafkaAccess

_PROBE_S: Final = 1.0
"""A server that neither takes nor refuses a connection for so long is left to the library and its timeout."""


def is_refused(access: KafkaAccess) -> bool:
    """Whether every server refuses connections. False if one takes them, or if anything else is wrong."""
    return all(map(_refuses, access.bootstrap_servers.split(",")))


def _refuses(server: str) -> bool:
    host, _, port = server.strip().rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), _PROBE_S).close()
    except ConnectionRefusedError:
        return True
    except (OSError, ValueError):
        return False
    return False
