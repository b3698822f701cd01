WHOSE = 'mine: statistics'
