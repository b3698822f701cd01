import decimal, locale, threading
print(decimal.getcontext())
decimal.getcontext().prec = 5
print(decimal.Decimal(1) / 3)
t = threading.Thread(target=lambda: print(decimal.Decimal(1) / 3)); t.start(); t.join()
print(locale.getlocale(), locale.getpreferredencoding(), f"{1234567.891:n}", locale.setlocale(locale.LC_ALL))
