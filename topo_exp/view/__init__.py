"""MLflow as a view of run directories."""
