import sqlite3
with sqlite3.connect("data.db") as db:
    db.execute("create table t (a, b)")
    db.executemany("insert into t values (?, ?)", [(i, str(i)) for i in range(5)])
    print(db.execute("select sum(a), group_concat(b) from t").fetchall())
db.execute("select * from nothing")
