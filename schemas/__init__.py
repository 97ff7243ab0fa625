"""What crosses a boundary: events, table contracts, product configuration, errors. No I/O."""
