WHOSE = 'mine: secrets'
