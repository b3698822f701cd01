import joblib
class Task:
    def __init__(self, n):
        self.n = n
def square(task):
    return task.n ** 2
print(joblib.Parallel(n_jobs=2)(joblib.delayed(square)(Task(i)) for i in range(4)))
