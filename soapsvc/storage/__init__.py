"""The database: tables, guarded statements, transactions. Nobody above knows SQL, nobody here knows SOAP."""
