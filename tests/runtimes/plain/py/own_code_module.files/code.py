WHOSE = 'uploaded'
