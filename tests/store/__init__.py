"""What is kept: run files, ledgers, libraries, tables, plug-ins."""
