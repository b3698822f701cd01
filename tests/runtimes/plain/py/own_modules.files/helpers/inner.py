WHOSE = 'inner'
