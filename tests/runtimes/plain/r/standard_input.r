length(readLines(file('stdin'))); readline('? ')
