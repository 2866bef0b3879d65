"""The viewer: OHIF as published, our mode and extension for it, and what puts them together."""
