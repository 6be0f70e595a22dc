"""Tenants: several systems of one blueprint in one process, each with a journal, principals and limits of its own."""
