WHOSE = 'my json'
