"""The last resort of every hop: rows that make their batch fail are left out of it and kept in silver/quarantined."""
