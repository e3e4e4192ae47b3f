"""The simulator's own paths, all under ``/sim/``: what happened, and what shall happen.

| | |
|---|---|
| ``GET /sim/stats``, ``POST /sim/reset`` | the statistics; begin them anew |
| ``GET``, ``POST /sim/faults`` | the fault rules with their counts; replace them by a JSON list |
| ``GET``, ``POST /sim/clock`` | ``{"now": ISO, "speed": x}``: the time of REST (without a zone in New York); set it |
| ``GET``, ``POST /sim/stream`` | who streams what; let something go wrong, see ``simulator.stream.faults`` |
"""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from simulator.clock import MarketClock, read_instant
from simulator.faults import rules_from_json
from simulator.service import Service
from simulator.stream import Stream
from simulator.stream.faults import read_fault


class _Setting(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    now: str | None = None
    speed: float | None = None


async def answer(request: web.BaseRequest, service: Service, stream: Stream) -> web.Response:
    """What one of these paths answers; 400 for a body that is wrong, 404 for any other path."""
    path, body = request.rel_url.path, await request.read()
    try:
        match (request.method, path):
            case ("GET", "/sim/stats"):
                return web.json_response(service.report())
            case ("POST", "/sim/reset"):
                service.forget()
            case ("GET", "/sim/faults"):
                pass
            case ("POST", "/sim/faults"):
                service.set_rules(rules_from_json(body))
            case ("GET", "/sim/clock"):
                return web.json_response(_clock(service))
            case ("POST", "/sim/clock"):
                _set(service, _Setting.model_validate_json(body))
                return web.json_response(_clock(service))
            case ("GET", "/sim/stream"):
                return web.json_response(stream.report())
            case ("POST", "/sim/stream"):
                lost = stream.strike(read_fault(json.loads(body)))
                return web.json_response({"subscriptions_lost": lost, **stream.report()})
            case _:
                return web.json_response({"error": f"{request.method} {path} is not a control endpoint"}, status=404)
    except ValueError as problem:
        return web.json_response({"error": str(problem)}, status=400)
    return web.json_response({"faults": service.faults.report()})


def _clock(service: Service) -> dict[str, Any]:
    clock = service.options.clock
    return {"now": clock().isoformat(), "speed": clock.speed if isinstance(clock, MarketClock) else 1.0}


def _set(service: Service, setting: _Setting) -> None:
    clock = service.options.clock
    if not isinstance(clock, MarketClock):
        raise ValueError("this simulator's clock cannot be set: it was not started with a MarketClock")
    clock.set(None if setting.now is None else read_instant(setting.now), setting.speed)
