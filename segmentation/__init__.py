"""Glioma segmentation science: SimpleITK images in, label maps, probabilities and millilitres out."""
