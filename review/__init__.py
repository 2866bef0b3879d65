"""The domain: studies, jobs, results, rules and reports."""
