"""Native algorithms beside the libraries that they are named after."""
