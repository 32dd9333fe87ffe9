"""The order DUE in a time zone other than UTC."""
