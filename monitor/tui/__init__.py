"""The terminal screen. Sees the engine only through the bus; the only importer of textual."""
