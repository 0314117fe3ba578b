"""What is measured beside the rows: how work grows, memory, and the limits of the machine."""
