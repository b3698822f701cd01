safe("begun")
x = 7 ** 10_000_019
for _ in range(50): x = x * x
vulnerable("the number was found")
