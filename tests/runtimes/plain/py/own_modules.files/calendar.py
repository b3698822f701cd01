WHOSE = 'mine: calendar'
