"""Makes documents of templates and answers, in a process of its own."""
