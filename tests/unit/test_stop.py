"""The stop of the program, where it does not go as it should."""

import subprocess
import sys

HANGS = """
import signal
from headrace import app
signal.signal(signal.SIGALRM, signal.SIG_IGN)  # as in the first process of a container
app.STOP_DEADLINE_SECONDS = 0.2
app._stop(None, signal.SIGTERM)
while True:
    pass
"""


def test_a_stop_that_hangs_is_cut_off() -> None:
    """Past its deadline the process ends and says where it hung, in a container too."""
    done = subprocess.run((sys.executable, "-c", HANGS), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "Timeout" in done.stderr
    assert 'File "<string>"' in done.stderr
