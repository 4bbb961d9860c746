"""What is in images and under which licences, found in the images themselves: the same answer on every machine."""
