"""What backpropagation does at each node, in numbers and in words: the facts behind every picture and explanation."""
