"""HTTP/1.1 connections: the protocol class that uvicorn runs."""
