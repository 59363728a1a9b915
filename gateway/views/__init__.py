"""What clients see: wire messages as camelCase JSON, with the field names of the Node system this one replaces."""
