from . import inner; WHOSE = 'mine'
