"""Questions beside the grid: what each default and each part is worth, and how fast all is."""
