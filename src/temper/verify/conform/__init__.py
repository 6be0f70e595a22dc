"""Following what somebody tells: a scenario, or a journal of what happened, step by step through the one relation."""
