"""Chooses the warehouse's dialect by the scheme of its URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from streaming.errors import SettingsError
from streaming.settings import Settings
from streaming.warehouse.base import HopToken, Warehouse


def open_warehouse(settings: Settings, hop: str = "") -> Warehouse:
    """The warehouse that `settings.warehouse` names. Connects on first use only.

    `hop`: the hop whose loads show the job's fencing token; none for an operator's command.
    """
    if settings.warehouse is None:
        raise SettingsError("--warehouse: missing; the hops load and serve need it")
    shown = HopToken(settings.token, hop) if settings.token and hop else None
    if urlsplit(settings.warehouse).scheme == "redshift":
        from streaming.warehouse.redshift.warehouse import RedshiftWarehouse

        return RedshiftWarehouse.from_settings(settings, shown)
    from streaming.warehouse.postgres import PostgresWarehouse

    return PostgresWarehouse(settings.warehouse, settings.warehouse_password, shown)
