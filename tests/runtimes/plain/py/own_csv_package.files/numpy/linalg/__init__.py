WHOSE='linalg'
