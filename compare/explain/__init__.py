"""Why two trainings differ: `explain` measures what each field is worth, `diff` trains nothing."""
