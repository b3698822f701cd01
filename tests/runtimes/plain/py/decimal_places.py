import datetime, fractions, math, random, statistics, time
print(0.1 + 0.2, round(2.5), math.fsum([0.1] * 10), fractions.Fraction("0.125"), statistics.median([1, 3, 2]), math.nan, -0.0)
random.seed(42)
print(random.random(), random.sample(range(100), 5), random.choices("abc", k=4), random.gauss(0, 1))
print(datetime.datetime(2024, 2, 29, 12).isoformat(), datetime.date.fromisoformat("2024-12-31").isocalendar(), time.strftime("%A %d %B", time.gmtime(0)))
print(time.localtime(0).tm_zone, datetime.datetime.fromtimestamp(0).astimezone().tzinfo)
1 // 0.0
