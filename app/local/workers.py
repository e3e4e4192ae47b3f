"""``worker`` without a role: one process of each, supervised, against the brokers in the environment."""

from __future__ import annotations

import threading

from app.local.platform import signals_set
from app.local.roles import role_service
from app.local.state import StateDir
from app.local.supervisor import Supervisor
from app.settings import ROLES, Settings


def run_workers(settings: Settings) -> None:
    """Run one process of each role until SIGINT, SIGTERM or SIGHUP; a role that dies is started again.

    Raises ``SettingError`` when a role finds a setting wrong, ``LocalServiceError`` when one keeps dying.
    """
    stop = threading.Event()
    state = StateDir(settings.state_dir)
    supervisor = Supervisor([role_service(role, settings, state) for role in ROLES], on_event=print)
    try:
        with signals_set(stop):
            supervisor.start()
            if supervisor.wait_ready(stop):
                print("ready")
                supervisor.wait(stop)
    finally:
        supervisor.stop()
        state.close()
