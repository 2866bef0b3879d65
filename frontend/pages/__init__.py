"""The pages, one module each: a view asks a selector and renders a template."""
