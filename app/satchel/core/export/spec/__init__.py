"""Export specs as deriva-py takes them: read, checked, made from annotations, made into the same bag."""
