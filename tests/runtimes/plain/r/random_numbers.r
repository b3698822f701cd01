set.seed(1); runif(2); exists('.Random.seed')
