"""Pictures that move: frames with their times, of animations and of movies."""
