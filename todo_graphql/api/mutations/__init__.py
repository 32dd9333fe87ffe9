"""Mutations: fields, arguments, inputs, payloads and idempotency keys."""
