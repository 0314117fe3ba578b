"""The built-in layout: a picture in layers, without Graphviz."""
