"""``python -m jopa_agent.agent`` is the command jopa-agent."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
