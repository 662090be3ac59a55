"""Minimum functionality tests of question answering: small items from templates, which any reader of the language gets right."""
