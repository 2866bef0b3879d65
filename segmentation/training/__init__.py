"""Training of the cascade's networks on prepared, labelled cases."""
