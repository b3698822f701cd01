import io
import numpy as np
import pandas as pd
df = pd.read_csv(io.StringIO("day,city,t\n2024-01-01,Praha,1.5\n2024-01-02,Brno,2.5\n2024-01-03,Praha,\n"), parse_dates=["day"])
print(df, df.dtypes, df.describe(include="all"), sep="\n")
print(df.groupby("city").t.agg(["mean", "count"]), df.pivot_table(index="city", values="t"), sep="\n")
df.to_csv("out.csv", index=False)
print(np.array([1, 2, 3]) / 0, np.log(-1.0))
df["missing"]
