"""The model in NumPy and float64, written as the equations are: the oracle of all four frameworks."""
