"""What the executor of models is measured by: itself, its crate beside the crate's peers."""
