"""The module of terraform/, planned with mocks and applied to moto."""
