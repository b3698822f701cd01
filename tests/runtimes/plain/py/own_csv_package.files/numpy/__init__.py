from . import linalg; WHOSE = 'mine'
