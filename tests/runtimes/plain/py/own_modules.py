import statistics, secrets, calendar, helpers, json
print(statistics.WHOSE, secrets.WHOSE, calendar.WHOSE, helpers.WHOSE, helpers.inner.WHOSE, json.WHOSE)
