"""Receiving feedback from outside: settings, collector, importers. The client for applications lies in `client/`."""
