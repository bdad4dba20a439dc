"""Chooses the warehouse's dialect by the scheme of its URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from streaming.errors import SettingsError
from streaming.settings import Settings
from streaming.warehouse.base import Warehouse


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse that `settings.warehouse` names. Connects on first use only."""
    if settings.warehouse is None:
        raise SettingsError("--warehouse: missing; the hops load and serve need it")
    if urlsplit(settings.warehouse).scheme == "redshift":
        from streaming.warehouse.redshift.warehouse import RedshiftWarehouse

        return RedshiftWarehouse.from_settings(settings)
    from streaming.warehouse.postgres import PostgresWarehouse

    return PostgresWarehouse(settings.warehouse, settings.warehouse_password)
