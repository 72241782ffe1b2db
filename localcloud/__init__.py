"""Local stand-ins for the cloud, at its wire protocol. They know nothing of this project."""
